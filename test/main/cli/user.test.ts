import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import pg from 'pg'
import { createPasswordHasher } from '../../../src/domain/credentials/password/password_hash.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { type Deployment, deployment } from './run_cli.ts'

const SCHEMA = new URL('../../../docs/examples/profile_schema.json', import.meta.url).pathname

const LOCK_TOTP = `INSERT INTO factor_guard (account_id, kind, failures, window_began_at, window_failures)
                   VALUES ($1, 'totp', 100, now(), 1)`
const PLAN_DELETION = `UPDATE account SET deletion_at = now() + interval '7 days' WHERE id = $1`
const DISABLE = `UPDATE account SET status = 'disabled' WHERE id = $1`

describe('authcore user', function () {
  this.timeout(120_000)
  let place: Deployment
  let db: pg.Client
  let ada: { id: string }

  before(async () => {
    place = await deployment()
    db = new pg.Client(place.database.connection)
    await db.connect()
  })
  after(async () => {
    await db?.end()
    await place?.close()
  })

  const hasher = createPasswordHasher({ memoryKib: 19_456, passes: 2, parallelism: 1 })
  const signsIn = async (id: string, password: string): Promise<boolean> => {
    const { rows } = await db.query('SELECT phc FROM password_credential WHERE account_id = $1', [
      id,
    ])
    return (await hasher.verify(rows[0]?.phc, password)).ok
  }
  const refusal = async (line: string, options?: { input?: string }) => {
    const { code, stdout, json } = await place.run(`user ${line} --json`, options)
    expect({ code, stdout }, line).to.deep.equal({ code: 1, stdout: '' })
    return json().error
  }

  it('creates accounts with a password that was made, read from a file or from stdin', async () => {
    const made = await place.run(
      'user create --email Ada@Example.com --email-verified --username ada --name "Ada Lovelace" --claim locale=en-GB --claim address.country=GB --claim address.locality=London --generate-password --json',
    )
    expect(made.stderr).to.equal('')
    ada = made.json()
    expect(ada).to.deep.include({
      status: 'active',
      email: 'Ada@Example.com',
      email_verified: true,
      username: 'ada',
      claims: {
        name: 'Ada Lovelace',
        locale: 'en-GB',
        address: { country: 'GB', locality: 'London' },
      },
    })
    const { password } = made.json()
    expect(await signsIn(ada.id, password)).to.equal(true)

    const file = path.join(temporaryFolder('cli-password'), 'password')
    writeFileSync(file, 'correct horse battery staple\n')
    const grace = (
      await place.run(`user create --username grace --password-file ${file} --json`)
    ).json()
    expect(grace).not.to.have.property('password')
    expect(await signsIn(grace.id, 'correct horse battery staple')).to.equal(true)

    const joan = await place.run('user create --username joan --password-stdin', {
      input: ' spaces  belong to it \r\n',
    })
    const id = /^id: +(\S+)$/m.exec(joan.stdout)?.[1]
    expect(await signsIn(id!, ' spaces  belong to it ')).to.equal(true)
    expect(joan.stdout).not.to.contain('spaces')

    const noor = await place.run('user create --phone "+49 171 1234567" --phone-verified --json')
    expect(noor.json()).to.deep.include({ phone: '+491711234567', phone_verified: true })
    const found = await place.run('user show "+49 (0)171 1234567" --json')
    expect(found.json().id).to.equal(noor.json().id)
    expect(await refusal('create --phone +491711234567')).to.include({ code: 'conflict' })
    expect(await refusal('create --phone 01711234567')).to.include({ code: 'invalid_input' })

    const nobody = await place.run('user create --username nobody --json')
    expect(await signsIn(nobody.json().id, '')).to.equal(false)
  })

  it('refuses what is not acceptable', async () => {
    expect(await refusal('create')).to.include({ code: 'invalid_input' })
    expect((await refusal('create --email ADA@example.com')).message).to.contain('already in use')
    expect((await refusal('create --username ann --claim sub=x')).message).to.contain('Known are')
    expect((await refusal('create --username ann --claim email=x')).message).to.contain('--email')
    expect((await refusal('create --username ann --claim birthdate=soon')).hint).to.contain('YYYY')
    const short = await refusal('create --username ann --password-stdin', { input: 'short' })
    expect(short.message).to.contain('too short')
    const own = await refusal('create --username annabel --password-stdin', {
      input: 'annabel and the lake',
    })
    expect(own.message).to.contain('must not contain')
    const empty = await refusal('set-password ada --password-stdin')
    expect(empty.message).to.equal('The password is empty.')
    const both = await refusal('set-password ada --password-stdin --generate-password')
    expect(both.message).to.contain('cannot be used with option')
    expect((await refusal('set-password ada')).hint).to.contain('--password-stdin')
    expect((await refusal('list --after yesterday')).message).to.contain('--after')
    expect((await refusal('delete ada')).hint).to.contain('--yes')
    expect((await refusal('show somebody')).code).to.equal('not_found')
  })

  it('makes a link for a lost second factor, once it knows the password', async () => {
    await place.run('user create --username lost --generate-password')
    const made = (await place.run('user factor-link lost --hours 2 --json')).json()
    expect(made.link).to.match(/^http[^?]+\/reset_factors\?link=[\w-]{43}$/)
    const hours = (Date.parse(made.expiresAt) - Date.now()) / 3_600_000
    expect(hours).to.be.closeTo(2, 0.1)
    await place.run('user create --username keyless')
    expect((await refusal('factor-link keyless')).hint).to.contain('set-password')
    for (const who of ['lost', 'keyless']) await place.run(`user delete ${who} --yes`)
  })

  it('finds an account by id, address and username, and never shows a hash', async () => {
    const runs = await Promise.all(
      [`show ${ada.id}`, 'show ADA@EXAMPLE.COM', 'show Ada', 'list', 'list --json'].map((line) =>
        place.run(`user ${line}`),
      ),
    )
    for (const { stdout } of runs) expect(stdout).to.contain(ada.id).and.not.contain('argon2')
    expect(runs[0]!.stdout).to.match(/^password: +set \d{4}-/m)
    const details = (await place.run('user show nobody --json')).json()
    expect(details).to.include({ username: 'nobody', password_changed_at: null })
  })

  it('tells the last sign-in', async () => {
    expect((await place.run('user show ada')).stdout).to.match(/^last_sign_in: never$/m)
    expect((await place.run('user show ada --json')).json()).to.include({ lastSignedInAt: null })
    const at = '2026-01-02T03:04:05.000Z'
    await db.query('UPDATE account SET last_signed_in_at = $2 WHERE id = $1', [ada.id, at])
    expect((await place.run('user show ada')).stdout).to.contain(`last_sign_in: ${at}\n`)
    expect((await place.run('user show ada --json')).json()).to.include({ lastSignedInAt: at })
  })

  it('tells when an account will be deleted', async () => {
    expect((await place.run('user show ada')).stdout).not.to.contain('deletion')
    const at = '2026-12-24T18:00:00.000Z'
    const schedule = 'UPDATE account SET deletion_at = $2 WHERE id = $1'
    await db.query(schedule, [ada.id, at])
    expect((await place.run('user show ada')).stdout).to.match(/^deletion: +2026-12-24T18:/m)
    expect((await place.run('user show ada --json')).json()).to.include({ deletion_at: at })
    await db.query(schedule, [ada.id, null])
  })

  it('says in one word where an account stands, and lists those of a state', async () => {
    const states = [
      ['active', '--email state1@example.com --email-verified', ''],
      ['unverified', '--email state2@example.com', ''],
      ['locked', '--email state3@example.com', LOCK_TOTP],
      ['scheduled_for_deletion', '--email state4@example.com', PLAN_DELETION],
      ['disabled', '--email state5@example.com', `${DISABLE}; ${PLAN_DELETION}`],
    ] as const
    const ids: string[] = []
    for (const [state, names, facts] of states) {
      const { id } = (await place.run(`user create ${names} --json`)).json()
      for (const fact of facts.split('; ')) if (fact) await db.query(fact, [id])
      ids.push(id)
      const shown = await place.run(`user show ${id}`)
      expect(shown.stdout).to.match(new RegExp(`^state: +${state}$`, 'm'))
      const status = state === 'disabled' ? 'disabled' : 'active'
      expect((await place.run(`user show ${id} --json`)).json()).to.include({ state, status })
      const listed = (await place.run(`user list --state ${state} --json`)).json().users
      const mine = listed.filter((user: { id: string }) => ids.includes(user.id))
      expect(mine).to.have.length(1)
      expect(mine[0]).to.include({ id, state, status })
    }
    expect((await place.run(`user show ${ids[2]}`)).stdout).to.match(/^locked: +totp$/m)
    const first = (await place.run('user list --state active --limit 1 --json')).json()
    const rest = (await place.run(`user list --state active --after ${first.next} --json`)).json()
    expect(rest.users.map(({ id }: { id: string }) => id))
      .to.include(ids[0])
      .and.not.include(first.next)
    expect((await refusal('list --state asleep')).message).to.contain('Allowed choices are active')
    for (const id of ids) await place.run(`user delete ${id} --yes`)
  })

  it('lists page by page', async () => {
    const first = (await place.run('user list --limit 3 --json')).json()
    expect(first.users).to.have.length(3)
    expect(first.next).to.equal(first.users[2].id)
    const rest = await place.run(`user list --limit 3 --after ${first.next} --json`)
    expect(rest.json()).to.deep.include({ next: null })
    expect(rest.json().users).to.have.length(2)
    const human = await place.run('user list --limit 1')
    expect(human.stdout).to.match(/There are more: --after \S+\n$/)
  })

  const MODELS = ['Session', 'Grant', 'RefreshToken', 'AccessToken']
  const giveAccess = (id: string) =>
    db.query(
      `INSERT INTO oidc_record (model, id_hash, account_id, payload)
       SELECT model, sha256((model || $2)::bytea), $2::uuid, '{}' FROM unnest($1::text[]) AS model
       ON CONFLICT DO NOTHING`,
      [MODELS, id],
    )
  const accessOf = async (id: string): Promise<number> => {
    const { rows } = await db.query(
      'SELECT count(*)::int AS n FROM oidc_record WHERE account_id = $1',
      [id],
    )
    return rows[0].n
  }

  it('changes a password and ends what the old one opened', async () => {
    await giveAccess(ada.id)
    const kept = await place.run('user set-password ada --password-stdin --keep-access', {
      input: 'battery staple horse',
    })
    expect(kept.stdout).not.to.contain('battery')
    expect(await accessOf(ada.id)).to.equal(MODELS.length)
    const changed = await place.run('user set-password ada@example.com --generate-password')
    const password = /^password: (\S+)$/m.exec(changed.stdout)?.[1]
    expect(await signsIn(ada.id, password!)).to.equal(true)
    expect(await accessOf(ada.id)).to.equal(0)
  })

  it('exports what is held about a person, for people and programs alike', async () => {
    const { id } = (
      await place.run('user create --username mary --generate-password --json')
    ).json()
    const { stdout, stderr } = await place.run('user export mary')
    expect(stderr).to.equal('')
    const data = JSON.parse(stdout)
    expect(data.account).to.include({ id, username: 'mary', email: null, last_signed_in_at: null })
    expect(data.password).to.have.all.keys('changed_at')
    expect(stdout).not.to.contain('argon2')
    const again = (await place.run('user export mary --json')).json()
    expect({ ...again, exported_at: '' }).to.deep.equal({ ...data, exported_at: '' })
    const { rows } = await db.query(
      `SELECT data FROM event_outbox WHERE subject = $1 AND type = 'auth.account.exported'`,
      [id],
    )
    const fact = { data: { accountId: id, by: 'cli' } }
    expect(rows).to.deep.equal([fact, fact])
    expect(await refusal('export nobody-at-all')).to.include({ code: 'not_found' })
  })

  it('ends sessions, grants and tokens with the access of the account', async () => {
    await giveAccess(ada.id)
    expect((await place.run('user disable ada --json')).json().status).to.equal('disabled')
    expect(await accessOf(ada.id)).to.equal(0)
    expect((await place.run('user enable ada')).stdout).to.match(/^status: +active$/m)
    await giveAccess(ada.id)
    const deleted = await place.run('user delete ada --yes --json')
    expect(deleted.json()).to.deep.equal({ id: ada.id, deleted: true })
    expect(await accessOf(ada.id)).to.equal(0)
    const { rows } = await db.query(
      'SELECT type, data FROM event_outbox WHERE subject = $1 ORDER BY id',
      [ada.id],
    )
    expect(rows.map(({ type }) => type)).to.deep.equal([
      'auth.user_created',
      'auth.password.changed',
      'auth.password.changed',
      'auth.account.disabled',
      'auth.account.enabled',
      'auth.account.deleted',
    ])
    for (const { data } of rows) expect(data).to.deep.equal({ accountId: ada.id, by: 'cli' })
  })

  it('takes attributes of the schema, and changes them with the claims', async () => {
    const env = { AUTHCORE_PROFILE_SCHEMA: SCHEMA }
    const created = await place.run(
      'user create --username hedy --claim nickname=Jo --claim address.country=GB --claim address.formatted=Leeds --attribute badge=AB-17 --attribute interests=maps,novels --attribute shelf_metres=2.5 --json',
      { env },
    )
    expect(created.stderr).to.equal('')
    expect(created.json()).to.deep.include({
      attributes: { badge: 'AB-17', interests: ['maps', 'novels'], shelf_metres: 2.5 },
    })
    const updated = await place.run(
      'user update hedy --claim nickname= --claim address.locality=Leeds --attribute badge=CD-18 --attribute interests= --attribute newsletter=true --json',
      { env },
    )
    expect(updated.json()).to.deep.include({
      claims: { address: { country: 'GB', locality: 'Leeds' } },
      attributes: { badge: 'CD-18', shelf_metres: 2.5, newsletter: true },
    })
    const { rows } = await db.query(
      `SELECT data FROM event_outbox WHERE type = 'auth.profile.changed' AND subject = $1`,
      [created.json().id],
    )
    expect(rows).to.have.length(1)
    expect(JSON.stringify(rows)).to.include('badge').and.not.include('CD-18')
    const shown = await place.run('user show hedy', { env })
    expect(shown.stdout).to.match(/attribute badge: +CD-18/)
    for (const [line, options] of [
      ['update hedy --attribute badge=seventeen', { env }],
      ['update hedy --attribute colour=green', { env }],
      ['update hedy --claim birthdate=soon', { env }],
      ['update hedy --attribute badge=AB-17', {}],
      ['create --username hela --attribute shelf_metres=many', { env }],
    ] as const) {
      const { code, json } = await place.run(`user ${line} --json`, options)
      expect(code, line).to.equal(1)
      expect(json().error.code, line).to.equal('invalid_input')
    }
    const bad = { AUTHCORE_PROFILE_SCHEMA: `${SCHEMA}.none` }
    const { code, stderr } = await place.run('user update hedy --attribute badge=AB-17', {
      env: bad,
    })
    expect(code).to.equal(1)
    expect(stderr).to.include('AUTHCORE_PROFILE_SCHEMA')
  })
})
