import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import pg from 'pg'
import { stringify } from 'yaml'
import { temporaryFolder } from '../../support/leash.ts'
import * as openldap from '../../support/openldap.ts'
import { requires } from '../../support/skip.ts'
import { type Deployment, deployment } from './run_cli.ts'

const CLI = fileURLToPath(new URL('../../../src/main/cli/authcore.ts', import.meta.url))
const PEOPLE = 300

describe('authcore connection sync', function () {
  this.timeout(120_000)
  let place: Deployment
  let db: pg.Client
  let directory: openldap.OpenLdap
  const folder = temporaryFolder('cli-sync')

  before(async function () {
    requires(this, openldap.available())
    const people = Array.from({ length: PEOPLE }, (_, i) => openldap.personLdif(`person${i}`))
    directory = await openldap.startOpenLdap({ ldif: people.join('') })
    place = await deployment()
    db = new pg.Client({ connectionString: place.database.url })
    await db.connect()
  })
  after(async () => {
    await db?.end()
    await place?.close()
    await directory?.stop()
  })

  const env = { READER_PASSWORD: openldap.READER.password }
  const run = (args: string) => place.run(args, { env })
  async function connect(name: string, more: object = {}, settings: object = {}): Promise<void> {
    const file = path.join(folder, `${name}.yaml`)
    const all = {
      ...{ servers: [directory.ldaps], ca_file: directory.caFile, base_dn: openldap.BASE },
      ...{ bind_dn: openldap.READER.dn, bind_password: { env: 'READER_PASSWORD' } },
      ...{ email_verified: true, ...settings },
    }
    writeFileSync(file, stringify({ name, kind: 'ldap', ...more, settings: all }))
    const made = await run(`connection create ${file} --json`)
    expect(made.code, made.stderr).to.equal(0)
  }
  const count = async (table: string): Promise<number> =>
    (await db.query(`SELECT count(*)::int AS n FROM ${table}`)).rows[0].n

  it('tells what it would do, does it, and shows that it did', async () => {
    await connect('staff', { sync: { create: true } })
    const dry = await run('connection sync staff --dry-run --json')
    const told = {
      ...{ name: 'staff', seen: PEOPLE, created: PEOPLE, changed: 0, disabled: 0, enabled: 0 },
      left_alone: {},
    }
    expect(dry.json()).to.deep.equal({ ...told, dry_run: true })
    expect(await count('account')).to.equal(0)
    expect((await run('connection show staff --json')).json()).not.to.have.property('last_run')

    const done = await run('connection sync staff --json')
    expect(done.json()).to.deep.equal({ ...told, dry_run: false })
    expect(await count('account')).to.equal(PEOPLE)
    const shown = (await run('connection show staff --json')).json()
    expect(shown.last_run).to.deep.include({ outcome: 'synced', seen: PEOPLE, created: PEOPLE })

    await directory.asAdmin((client) => client.del(`uid=person0,ou=people,${openldap.BASE}`))
    const again = await run('connection sync staff')
    expect(again.stdout)
      .to.match(/^seen: +299$/m)
      .and.to.match(/^disabled: +1$/m)
    const text = (await run('connection show staff')).stdout
    expect(text)
      .to.match(/^outcome: +synced$/m)
      .and.to.match(/^disabled: +1$/m)
  })

  it('says why it stopped, and that nobody has lost anything', async () => {
    await connect('narrow', { sync: { create: true } }, { list_filter: '(uid=person1*)' })
    // Everybody has an account of the other connection.
    const dry = (await run('connection sync narrow --dry-run --json')).json()
    expect(dry.left_alone).to.deep.equal({ address_taken: 111 })
    await db.query(`
      UPDATE identity SET connection_id = (SELECT id FROM connection WHERE name = 'narrow')
       WHERE barred_at IS NULL`)
    const stopped = await run('connection sync narrow --json')
    expect(stopped.code).not.to.equal(0)
    expect(stopped.json().error).to.include({ code: 'conflict' })
    expect(stopped.stderr).to.include('too_many_absent (188 of 299 people').and.to.include('--max')
    expect(await count(`account WHERE status = 'disabled'`)).to.equal(1)
    const allowed = await run('connection sync narrow --max-absent 70% --json')
    expect(allowed.json()).to.deep.include({ disabled: 188 })
  })

  it('refuses what cannot be', async () => {
    for (const [args, words] of [
      ['connection sync nothing', 'no such connection'],
      ['connection sync staff --max-absent many', 'share from 0% to 100%'],
    ] as const) {
      const refused = await run(args)
      expect(refused.code, args).not.to.equal(0)
      expect(refused.stderr).to.include(words)
    }
    await connect('silent')
    expect((await run('connection sync silent')).stderr).to.include('does not say')
    expect((await run('connection sync silent --dry-run')).code).to.equal(0)
    await run('connection disable silent')
    expect((await run('connection sync silent')).stderr).to.include('is disabled')
  })

  it('is gone on with where it was killed with -9', async () => {
    await db.query('DELETE FROM account')
    await connect('killed', { sync: { create: true, page_size: 1 } })
    const child = spawn(process.execPath, [CLI, 'connection', 'sync', 'killed', '--json'], {
      env: { PATH: process.env['PATH'], ...place.env, ...env } as NodeJS.ProcessEnv,
      stdio: 'ignore',
    })
    const exit = new Promise((resolve) => child.once('exit', resolve))
    while ((await count('account')) < 50) await sleep(2)
    child.kill('SIGKILL')
    await exit
    const first = (await db.query('SELECT id, counts FROM directory_sync WHERE ended_at IS NULL'))
      .rows
    expect(first[0].counts.created).to.be.within(50, PEOPLE - 2)
    const running = await run('connection sync killed')
    expect(running.stderr).to.include('is being gone through already')

    await db.query('UPDATE directory_sync SET held_until = now() WHERE ended_at IS NULL')
    const done = (await run('connection sync killed --json')).json()
    expect(done).to.deep.include({ seen: PEOPLE - 1, created: PEOPLE - 1, disabled: 0 })
    expect(await count('account')).to.equal(PEOPLE - 1)
    expect(await count('identity')).to.equal(PEOPLE - 1)
    const { rows } = await db.query(
      `SELECT directory_sync.id FROM directory_sync JOIN connection ON connection.id = connection_id
        WHERE name = 'killed'`,
    )
    expect(rows).to.deep.equal([{ id: first[0].id }])
  })
})
