import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import pg from 'pg'
import { temporaryFolder } from '../../support/leash.ts'
import { type Deployment, deployment } from './run_cli.ts'

const CLI = fileURLToPath(new URL('../../../src/main/cli/authcore.ts', import.meta.url))
const BCRYPT = '$2y$05$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.'

describe('authcore user import', function () {
  this.timeout(120_000)
  let place: Deployment
  let db: pg.Client
  const folder = temporaryFolder('cli-import')

  before(async () => {
    place = await deployment()
    db = new pg.Client({ connectionString: place.database.url })
    await db.connect()
  })
  after(async () => {
    await db?.end()
    await place?.close()
  })

  function write(name: string, lines: readonly unknown[]): string {
    const file = path.join(folder, name)
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    return file
  }

  const read = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))

  const count = async (text: string): Promise<number> => {
    const { rows } = await db.query(`SELECT count(*)::int AS n FROM ${text}`)
    return rows[0].n
  }

  it('imports what it can and reports the rest', async () => {
    const file = write('few.jsonl', [
      { email: 'ada@example.com', password: { hash: BCRYPT } },
      { email: 'ada@example.com' },
      { email: 'grace@example.com', password: { hash: 'a secret that is no hash' } },
    ])
    const report = path.join(folder, 'few.report.jsonl')
    const dry = await place.run(`user import ${file} --dry-run --report ${report} --json`)
    expect(dry.json()).to.deep.equal({ lines: 3, imported: 1, refused: 2, dry_run: true })
    expect(read(report)).to.have.length(2)
    expect(await count('account')).to.equal(0)

    const done = await place.run(`user import ${file} --report ${report}`)
    expect(done.stderr).to.equal('')
    expect(done.stdout)
      .to.match(/^imported: +1$/m)
      .and.match(/^refused: +2$/m)
    expect(done.stdout + readFileSync(report, 'utf8')).not.to.match(/secret|\$2|@/)
    expect(read(report)).to.deep.equal([
      { line: 2, reason: 'taken' },
      { line: 3, reason: 'unknown_hash' },
    ])
    const again = await place.run(`user import ${file} --json`)
    expect(again.json()).to.include({ imported: 1, refused: 2 })
    expect(await count('account')).to.equal(1)
  })

  it('refuses a file that is not there, and a pipe', async () => {
    const missing = await place.run('user import /nowhere/people.jsonl --json')
    expect(missing.json().error.message).to.contain('ENOENT')
    const pipe = await place.run('user import /dev/stdin --json')
    expect(pipe.json().error.message).to.contain('is not a file')
  })

  it('goes on after kill -9 without a duplicate, and reports everything', async () => {
    // Some passwords in the clear make a batch last long enough to be cut off in.
    const people = Array.from({ length: 6_000 }, (_, i) => ({
      username: i % 500 === 7 ? '!' : `person.${i}`,
      password: i % 50 === 1 ? 'a password in the clear' : { hash: BCRYPT },
    }))
    const file = write('many.jsonl', people)
    const report = path.join(folder, 'many.report.jsonl')
    await killAfter(file, 1_000)
    const cut = await count(`account WHERE username LIKE 'person.%'`)
    expect(cut).to.be.within(900, 5_500)

    const plain = await place.run(`user import ${file} --report ${report} --json`)
    expect(plain.json().error).to.include({ code: 'conflict' })
    const resumed = await place.run(`user import ${file} --report ${report} --resume --json`)
    expect(resumed.json()).to.deep.equal({
      lines: 6_000,
      imported: 5_988,
      refused: 12,
      dry_run: false,
    })
    expect(await count(`account WHERE username LIKE 'person.%'`)).to.equal(5_988)
    expect(await count(`password_credential WHERE phc LIKE '$argon2id$%'`)).to.equal(120)
    expect(
      await count(`event_outbox JOIN account ON account.id::text = subject
                    WHERE username LIKE 'person.%' AND type = 'auth.user_created'`),
    ).to.equal(5_988)
    expect(read(report).map(({ line, reason }) => [line, reason])).to.deep.equal(
      Array.from({ length: 12 }, (_, i) => [i * 500 + 8, 'username']),
    )
  })

  /** Kills the command as soon as so many lines are committed. */
  async function killAfter(file: string, lines: number): Promise<void> {
    const { PATH, HOME, TMPDIR } = process.env
    const child = spawn(process.execPath, [CLI, 'user', 'import', file], {
      env: { PATH, HOME, TMPDIR, ...place.env },
      stdio: 'ignore',
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    while ((await count(`account_import WHERE lines >= ${lines} AND finished_at IS NULL`)) === 0) {
      expect(child.exitCode, 'it ended before it was killed').to.equal(null)
      await sleep(5)
    }
    child.kill('SIGKILL')
    await ended
  }
})
