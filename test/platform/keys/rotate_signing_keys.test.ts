import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { CompactSign, compactVerify, importJWK } from 'jose'
import { DomainError } from '../../../src/core/errors.ts'
import { createKeyring, type Keyring } from '../../../src/platform/keys/keyring.ts'
import {
  planRotation,
  type RotationDeps,
  type RotationStep,
  retireSigningKey,
  rotateDueSigningKeys,
  rotateSigningKeyNow,
} from '../../../src/platform/keys/rotate_signing_keys.ts'
import {
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
  type SigningKeyInfo,
  type SigningKeyState,
} from '../../../src/platform/keys/signing_key.ts'
import {
  listPublishedSigningKeys,
  listSigningKeyInfos,
} from '../../../src/platform/keys/signing_key_store.ts'
import { type Change, openChangeFeed } from '../../../src/platform/persistence/change_feed.ts'
import { type Db, openDb, query } from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const DAY_S = 86_400
const POLICY = { lifetimeS: 90 * DAY_S, publishAheadS: 2 * DAY_S, retainS: 10 * DAY_S }
const NOW = new Date('2026-12-01T00:00:00Z')

describe('planning the rotation of signing keys', () => {
  /** `current 91` is a key that has been current for 91 days. */
  function key(text: string, algorithm: SigningAlgorithm = 'ES256'): SigningKeyInfo {
    const [state, days] = text.split(' ')
    const stateSince = new Date(NOW.getTime() - Number(days) * DAY_S * 1000)
    return {
      kid: text,
      algorithm,
      state: state as SigningKeyState,
      createdAt: stateSince,
      stateSince,
    }
  }

  const told = (step: RotationStep) =>
    step.do === 'create' ? `create ${step.state}` : `${step.kid} → ${step.to}`

  const CASES: [keys: string[], steps: string[]][] = [
    [[], ['create current']],
    [['retired 5'], ['create current']],
    [['previous 1'], ['create current']],
    [['next 0'], ['next 0 → current']],
    [['current 0'], []],
    [['current 87.9'], []],
    [['current 88'], ['create next']],
    [['current 400'], ['create next']],
    [['current 89', 'next 1'], []],
    [['current 89.9', 'next 2'], []],
    [
      ['current 90', 'next 2'],
      ['current 90 → previous', 'next 2 → current'],
    ],
    [['current 400', 'next 1.9'], []],
    [['current 3', 'previous 9.9'], []],
    [['current 3', 'previous 10'], ['previous 10 → retired']],
    [
      ['current 3', 'previous 10', 'previous 30', 'previous 2'],
      ['previous 10 → retired', 'previous 30 → retired'],
    ],
    [
      ['current 91', 'next 3', 'previous 11'],
      ['previous 11 → retired', 'current 91 → previous', 'next 3 → current'],
    ],
    [
      ['previous 11', 'next 0'],
      ['previous 11 → retired', 'next 0 → current'],
    ],
    [['current 3', 'retired 400'], []],
  ]

  for (const [keys, steps] of CASES) {
    it(`${keys.join(', ') || 'no key'}: ${steps.join(', ') || 'nothing'}`, () => {
      const infos = keys.map((text) => key(text))
      expect(planRotation('ES256', infos, POLICY, NOW).map(told)).to.deep.equal(steps)
    })
  }

  it('looks at the keys of one algorithm only', () => {
    const others = [key('current 400', 'RS256'), key('next 400', 'EdDSA')]
    expect(planRotation('ES256', others, POLICY, NOW).map(told)).to.deep.equal(['create current'])
  })
})

describe('the rotation of signing keys', function () {
  this.timeout(30_000)
  let database: TestDatabase
  let db: Db
  let keyring: Keyring
  let now: Date
  let deps: RotationDeps

  beforeEach(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 12, timeoutMs: 10_000 })
    keyring = createKeyring({
      encryptionKeys: [{ id: 'k1', key: randomBytes(32) }],
      hashKey: randomBytes(32),
    })
    now = NOW
    deps = { db, keyring, clock: { now: () => now } }
  })

  afterEach(async () => {
    await db.destroy()
    await database.drop()
  })

  const later = (days: number) => {
    now = new Date(now.getTime() + days * DAY_S * 1000)
  }

  async function states(algorithm: SigningAlgorithm = 'ES256'): Promise<SigningKeyState[]> {
    const keys = await listSigningKeyInfos(db)
    return keys.filter((key) => key.algorithm === algorithm).map(({ state }) => state)
  }

  async function kidOf(state: SigningKeyState): Promise<string> {
    const keys = await listSigningKeyInfos(db)
    return keys.find((key) => key.algorithm === 'ES256' && key.state === state)!.kid
  }

  async function events() {
    return await query<{ type: string; subject: string; data: { state: string } }>(
      db,
      'SELECT type, subject, data FROM event_outbox ORDER BY id',
    )
  }

  it('makes one key per algorithm at first, and then nothing', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    const keys = await listSigningKeyInfos(db)
    expect(keys.map(({ algorithm }) => algorithm)).to.have.members([...SIGNING_ALGORITHMS])
    expect(keys.map(({ state }) => state)).to.deep.equal(['current', 'current', 'current'])
    expect(await rotateDueSigningKeys(deps, POLICY)).to.deep.equal([])
    expect(await listSigningKeyInfos(db)).to.deep.equal(keys)
  })

  it('makes no second key, however many begin at once', async () => {
    const done = await Promise.all(
      Array.from({ length: 10 }, () => rotateDueSigningKeys(deps, POLICY)),
    )
    expect(done.filter((steps) => steps.length > 0)).to.have.length(1)
    expect(await listSigningKeyInfos(db)).to.have.length(SIGNING_ALGORITHMS.length)
    expect(await events()).to.have.length(SIGNING_ALGORITHMS.length)
  })

  it('keeps keys that sign, and verify what they signed', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    for (const { algorithm, kid, publicJwk, privateJwk } of await listPublishedSigningKeys(
      db,
      keyring,
    )) {
      expect(publicJwk).to.include({ kid, alg: algorithm, use: 'sig' })
      expect(publicJwk).not.to.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi')
      const signed = await new CompactSign(Buffer.from('words'))
        .setProtectedHeader({ alg: algorithm, kid })
        .sign(await importJWK(privateJwk, algorithm))
      const { payload } = await compactVerify(signed, await importJWK(publicJwk, algorithm))
      expect(Buffer.from(payload).toString()).to.equal('words')
    }
  })

  it('leads a key from its publication to its end', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    const first = await kidOf('current')
    later(88)
    await rotateDueSigningKeys(deps, POLICY)
    const second = await kidOf('next')
    later(2)
    await rotateDueSigningKeys(deps, POLICY)
    expect([await kidOf('current'), await kidOf('previous')]).to.deep.equal([second, first])
    later(10)
    await rotateDueSigningKeys(deps, POLICY)
    expect([await kidOf('current'), await kidOf('retired')]).to.deep.equal([second, first])
    expect((await events()).filter(({ subject }) => subject === first)).to.have.length(3)
  })

  it('publishes the key that signs first, then the waiting, then the old, and no retired one', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    later(1)
    await rotateSigningKeyNow(deps, 'ES256')
    later(1)
    await rotateSigningKeyNow(deps, 'ES256')
    await retireSigningKey(deps, await kidOf('previous'))
    later(88)
    await rotateDueSigningKeys(deps, { ...POLICY, retainS: 1_000 * DAY_S })
    const keys = await listPublishedSigningKeys(db, keyring)
    expect(
      keys.filter(({ algorithm }) => algorithm === 'ES256').map(({ state }) => state),
    ).to.deep.equal(['current', 'next', 'previous'])
  })

  it('replaces the signing key at once by command, with a new one or the waiting one', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    const first = await kidOf('current')
    await rotateSigningKeyNow(deps, 'ES256')
    expect(await states()).to.have.members(['current', 'previous'])
    expect(await kidOf('previous')).to.equal(first)
    later(88)
    await rotateDueSigningKeys(deps, POLICY)
    const waiting = await kidOf('next')
    await rotateSigningKeyNow(deps, 'ES256')
    expect(await kidOf('current')).to.equal(waiting)
    expect(await states('RS256')).to.have.members(['current', 'next'])
  })

  it('makes the first key by command, too', async () => {
    await rotateSigningKeyNow(deps, 'EdDSA')
    expect(await states('EdDSA')).to.deep.equal(['current'])
    expect(await states('ES256')).to.deep.equal([])
  })

  it('refuses to retire the key that signs, or one that nobody knows', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    const conflict = await domainError(retireSigningKey(deps, await kidOf('current')))
    expect(conflict.code).to.equal('conflict')
    expect(conflict.hint).to.equal('Rotate first: authcore keys rotate --algorithm ES256')
    expect((await domainError(retireSigningKey(deps, 'unknown'))).code).to.equal('not_found')
    expect(await states()).to.deep.equal(['current'])
  })

  it('destroys the private half of a retired key', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    await rotateSigningKeyNow(deps, 'ES256')
    const kid = await kidOf('previous')
    const sealed = async () =>
      (
        await query<{ private_jwk_sealed: Buffer | null }>(
          db,
          'SELECT private_jwk_sealed FROM signing_key WHERE kid = $1',
          [kid],
        )
      )[0]!.private_jwk_sealed
    expect(await sealed()).to.be.instanceOf(Buffer)
    await retireSigningKey(deps, kid)
    expect(await sealed()).to.equal(null)
    await retireSigningKey(deps, kid)
    expect((await listPublishedSigningKeys(db, keyring)).map((key) => key.kid)).not.to.include(kid)
    expect((await events()).filter(({ type }) => type === 'auth.key.retired')).to.have.length(1)
  })

  it('keeps no private half in the clear, and none that opens in another row', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    const rows = await query<{ kid: string; private_jwk_sealed: Buffer }>(
      db,
      'SELECT kid, private_jwk_sealed FROM signing_key ORDER BY kid',
    )
    for (const row of rows) {
      expect(row.private_jwk_sealed.includes('"d"')).to.equal(false)
    }
    await query(db, 'UPDATE signing_key SET private_jwk_sealed = $1 WHERE kid = $2', [
      rows[0]!.private_jwk_sealed,
      rows[1]!.kid,
    ])
    expect((await domainError(listPublishedSigningKeys(db, keyring))).code).to.equal('internal')
  })

  it('tells what it did, in events and to every node', async () => {
    const feed = await openChangeFeed(database.connection, () => {})
    const heard: Change[] = []
    feed.subscribe((change) => heard.push(change))
    await rotateDueSigningKeys(deps, POLICY)
    await rotateDueSigningKeys(deps, POLICY) // does nothing and says nothing
    await rotateSigningKeyNow(deps, 'ES256')
    await retireSigningKey(deps, await kidOf('previous'))
    await domainError(retireSigningKey(deps, 'unknown'))
    for (let waitedMs = 0; waitedMs < 5_000 && heard.length < 3; waitedMs += 20) await sleep(20)
    await feed.close()
    expect(heard).to.deep.equal(Array(3).fill({ topic: 'signing_key', id: '' }))
    expect((await events()).map(({ type, data }) => `${type} ${data.state}`)).to.deep.equal([
      ...Array(3).fill('auth.key.created current'),
      'auth.key.rotated previous',
      'auth.key.created current',
      'auth.key.retired retired',
    ])
  })

  it('leaves no event and no half-done rotation behind where it fails', async () => {
    await rotateDueSigningKeys(deps, POLICY)
    const before = await events()
    const broken: Keyring = {
      ...keyring,
      seal: () => {
        throw new Error('no key to seal with')
      },
    }
    const failed = await rotateSigningKeyNow({ ...deps, keyring: broken }, 'ES256').then(
      () => false,
      () => true,
    )
    expect(failed).to.equal(true)
    expect(await states()).to.deep.equal(['current'])
    expect(await events()).to.deep.equal(before)
  })
})

async function domainError(work: Promise<unknown>): Promise<DomainError> {
  const error = await work.then(
    () => expect.fail('it was expected to fail'),
    (reason: unknown) => reason,
  )
  expect(error).to.be.instanceOf(DomainError)
  return error as DomainError
}
