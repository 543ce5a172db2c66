import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { listImportRefusals } from '../../../src/domain/account_import/account_import_store.ts'
import {
  type ImportOptions,
  importAccounts,
} from '../../../src/domain/account_import/import_accounts.ts'
import { findAccountByIdentifier } from '../../../src/domain/accounts/account_store.ts'
import { loadProfile } from '../../../src/domain/accounts/profile/load_profile.ts'
import { createPasswordHasher } from '../../../src/domain/credentials/password/password_hash.ts'
import {
  findPassword,
  listForeignHashes,
} from '../../../src/domain/credentials/password/password_store.ts'
import { query } from '../../../src/platform/persistence/db.ts'
import { PASSWORD } from '../credentials/password/foreign/vectors.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

const passwords = createPasswordHasher({ memoryKib: 1024, passes: 1, parallelism: 1 })
const SCHEMA = new URL('../../../docs/examples/profile_schema.json', import.meta.url).pathname
const SSHA = '{SSHA}NvEhBA/c17Lgg4e/s1UOvquClwsBwwLO'

describe('domain/account_import', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  const clock = movableClock()

  before(async () => {
    database = await domainDatabase()
  })
  after(() => database?.close())

  const deps = () => ({ db: database.db, clock, passwords })

  function fileOf(lines: readonly unknown[]) {
    const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    const bytes = Buffer.from(text.map((line) => `${line}\n`).join(''))
    return {
      digest: createHash('sha256').update(bytes).digest(),
      read: async function* (from: number) {
        yield bytes.subarray(from)
      },
    }
  }

  const run = (lines: readonly unknown[], options: ImportOptions = {}) =>
    importAccounts(deps(), fileOf(lines), options)

  const refusalsOf = (lines: readonly unknown[]) =>
    listImportRefusals(database.db, fileOf(lines).digest, { after: 0, limit: 100 })

  it('makes the account that the line describes, and one event', async () => {
    const result = await run([
      {
        id: '0197b2f0-0000-7000-8000-000000000001',
        username: 'Ada',
        email: 'Ada@Example.com',
        email_verified: true,
        phone: '+49 30 123456',
        phone_verified: true,
        claims: { name: 'Ada Lovelace', address: { country: 'GB' } },
        password: { hash: SSHA },
        created_at: '2019-05-06T07:08:09+02:00',
      },
      '',
      { email: 'old@example.com', disabled: true },
      { username: 'plain', password: 'kept in the clear' },
    ])
    expect(result).to.include({ lines: 4, imported: 3, refused: 0 })
    const ada = await findAccountByIdentifier(database.db, {
      kind: 'email',
      canonical: 'ada@example.com',
    })
    expect(ada).to.deep.equal({
      id: '0197b2f0-0000-7000-8000-000000000001',
      status: 'active',
      username: 'Ada',
      email: 'Ada@Example.com',
      emailVerified: true,
      phone: '+4930123456',
      phoneVerified: true,
      claims: { name: 'Ada Lovelace', address: { country: 'GB' } },
      attributes: {},
      createdAt: new Date('2019-05-06T05:08:09Z'),
      updatedAt: clock.now(),
    })
    const { phc } = (await findPassword(database.db, ada!.id))!
    expect(phc).to.match(/^\$ldap-sha1\$\$/)
    expect((await passwords.verify(phc, PASSWORD)).ok).to.equal(true)
    expect(await eventTypes(database.db, ada!.id)).to.deep.equal(['auth.user_created'])
    const byUsername = (canonical: string) =>
      findAccountByIdentifier(database.db, { kind: 'username', canonical })
    const plain = await findPassword(database.db, (await byUsername('plain'))!.id)
    expect(await passwords.verify(plain?.phc, 'kept in the clear')).to.deep.equal({
      ok: true,
      rehash: false,
    })
    const old = await findAccountByIdentifier(database.db, {
      kind: 'email',
      canonical: 'old@example.com',
    })
    expect(old).to.include({ status: 'disabled', emailVerified: false })
    expect(await findPassword(database.db, old!.id)).to.equal(undefined)
  })

  it('takes the attributes that the schema of the deployment knows, and no others', async () => {
    const profile = await loadProfile({ signIn: { profileSchema: SCHEMA, profileAsk: [] } })
    const file = fileOf([
      { username: 'with.badge', attributes: { badge: 'AB-17', interests: ['maps'] } },
      { username: 'without', attributes: {} },
      { username: 'bad.badge', attributes: { badge: 'seventeen' } },
      { username: 'bad.name', attributes: { colour: 'green' } },
      { username: 'bad.list', attributes: ['AB-17'] },
    ])
    const result = await importAccounts({ ...deps(), profile }, file)
    expect(result).to.include({ imported: 2, refused: 3 })
    const found = await findAccountByIdentifier(database.db, {
      kind: 'username',
      canonical: 'with.badge',
    })
    expect(found!.attributes).to.deep.equal({ badge: 'AB-17', interests: ['maps'] })
    const refusals = await listImportRefusals(database.db, file.digest, { after: 0, limit: 9 })
    expect(refusals.map(({ line, reason }) => [line, reason])).to.deep.equal([
      [3, 'attributes'],
      [4, 'attributes'],
      [5, 'malformed'],
    ])
    expect(JSON.stringify(refusals)).not.to.match(/seventeen|green/)
    const none = await run([{ username: 'no.schema', attributes: { badge: 'AB-17' } }])
    expect(none, 'where there is no schema').to.include({ imported: 0, refused: 1 })
  })

  it('reports what cannot be imported by line and reason, and never a value', async () => {
    const lines = [
      { username: 'ok.one' },
      'no JSON',
      '[1]',
      { username: 'two', nickname: 'x' },
      { username: 'three', password: 7 },
      { claims: {} },
      { username: 'a b' },
      { email: 'nobody' },
      { username: 'four', claims: { birthdate: 'soon' } },
      { username: 'five', password: { hash: 'plainsecret' } },
      {
        username: 'six',
        password: { hash: '$2b$31$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.' },
      },
      { username: 'seven', password: '' },
      { username: 'eight', created_at: '2999-01-01T00:00:00Z' },
      { username: 'ok.one' },
      { username: 'nine', email: 'ADA@example.com' },
      { username: 'ok.two' },
    ]
    const result = await run(lines)
    expect(result).to.include({ lines: 16, imported: 2, refused: 14 })
    const refusals = await refusalsOf(lines)
    expect(refusals.map(({ line, reason }) => [line, reason])).to.deep.equal([
      [2, 'malformed'],
      [3, 'malformed'],
      [4, 'malformed'],
      [5, 'malformed'],
      [6, 'no_identifier'],
      [7, 'username'],
      [8, 'email'],
      [9, 'claims'],
      [10, 'unknown_hash'],
      [11, 'costly_hash'],
      [12, 'password'],
      [13, 'created_at'],
      [14, 'taken'],
      [15, 'taken'],
    ])
    expect(JSON.stringify(refusals)).not.to.match(/plainsecret|A5pN7vi|nobody/)
    expect(refusals[7]!.detail).to.contain('birthdate')
  })

  it('reports a claim whose name PostgreSQL cannot keep, and goes on with the next line', async () => {
    const claims = { ['a\u0000b']: 'x' }
    const lines = [
      { username: 'nul.name', claims },
      { username: 'half.name', claims: { ['a\ud800b']: 'x' } },
      { username: 'long.name', claims: { ['n'.repeat(10_000)]: 'x' } },
      { username: 'inner.name', claims: { address: claims } },
      { username: 'after.names' },
    ]
    expect(await run(lines)).to.include({ lines: 5, imported: 1, refused: 4 })
    const details = (await refusalsOf(lines)).map(({ reason, detail }) => `${reason}: ${detail}`)
    expect(details[0]).to.equal('claims: claims Unrecognized key: "a\ufffdb"')
    expect(details[1]).to.equal('claims: claims Unrecognized key: "a\ufffdb"')
    expect(details[2]).to.have.length.below(250)
    expect(details[3]).to.equal('claims: address Unrecognized key: "a\ufffdb"')
  })

  it('does nothing with a file that is imported already', async () => {
    const lines = [{ username: 'once.only' }, { username: '!' }]
    const first = await run(lines)
    clock.advance(60)
    const seen: unknown[] = []
    const again = await run(lines, { onProgress: (progress) => seen.push(progress) })
    expect(again).to.deep.equal(first)
    expect(seen).to.deep.equal([])
    expect(await refusalsOf(lines)).to.have.length(1)
  })

  it('stores nothing in a dry run, and finds the same refusals', async () => {
    const lines = [{ username: 'dry.one' }, { username: 'ok.one' }, { username: '!' }]
    const found: unknown[] = []
    const dry = await run(lines, { dryRun: true, onRefused: (refusal) => found.push(refusal) })
    expect(dry).to.include({ imported: 1, refused: 2 })
    expect(found).to.deep.equal([
      { line: 2, reason: 'taken' },
      { line: 3, reason: 'username', detail: undefined },
    ])
    const [count] = await query<{ n: number }>(
      database.db,
      `SELECT count(*)::integer AS n FROM account WHERE username = 'dry.one'`,
    )
    expect(count!.n).to.equal(0)
    expect(await run(lines)).to.include({ imported: 1, refused: 2 })
  })

  it('goes on where it was cut off, with --resume only', async () => {
    const lines = Array.from({ length: 2_500 }, (_, i) => ({ username: `cut.${i}` }))
    const file = fileOf(lines)
    const cut = {
      ...file,
      read: async function* (from: number) {
        for await (const bytes of file.read(from)) yield bytes.subarray(0, 40_000)
        throw new Error('cut off')
      },
    }
    expect(await importAccounts(deps(), cut).catch((error) => error.message)).to.equal('cut off')
    expect(await codeOf(() => importAccounts(deps(), file))).to.equal('conflict')
    const result = await importAccounts(deps(), file, { resume: true })
    expect(result).to.include({ lines: 2_500, imported: 2_500, refused: 0 })
    const [events] = await query<{ n: number }>(
      database.db,
      `SELECT count(*)::integer AS n FROM event_outbox JOIN account ON account.id::text = subject
        WHERE username LIKE 'cut.%'`,
    )
    expect(events!.n).to.equal(2_500)
  })

  it('lets one of two that import the same file go on', async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => ({ username: `race.${i}` }))
    const results = await Promise.allSettled([run(lines), run(lines, { resume: true })])
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length.of.at.least(1)
    const [count] = await query<{ n: number }>(
      database.db,
      `SELECT count(*)::integer AS n FROM account WHERE username LIKE 'race.%'`,
    )
    expect(count!.n).to.equal(3_000)
    const end = await run(lines, { resume: true })
    expect(end).to.include({ imported: 3_000, refused: 0 })
  })

  it('takes the same few statements for a whole batch as for one line', async () => {
    const count = async (names: string[]) =>
      (await statementsOf(() => run(names.map((username) => ({ username }))))).length
    const one = await count(['few.statements'])
    const batch = await count(Array.from({ length: 500 }, (_, i) => `many.${i}`))
    expect(batch).to.equal(one)
  })

  it('finds one hash of each kind that waits for its owner', async () => {
    await run([
      { username: 'kind.a', password: { hash: SSHA } },
      { username: 'kind.b', password: { hash: '{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=' } },
      {
        username: 'kind.c',
        password: { hash: '$2y$05$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.' },
      },
    ])
    const kinds = (await listForeignHashes(database.db, 10)).map((phc) => phc.split('$')[1])
    expect(kinds.sort()).to.deep.equal(['2b', 'ldap-sha1'])
  })
})
