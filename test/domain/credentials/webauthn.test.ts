import { expect } from 'chai'
import type { Account } from '../../../src/domain/accounts/account.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { listSecondFactors } from '../../../src/domain/credentials/factor_store.ts'
import {
  deleteExpiredChallenges,
  issueChallenge,
} from '../../../src/domain/credentials/webauthn/challenge.ts'
import {
  enrolmentOptions,
  enrolWebAuthn,
} from '../../../src/domain/credentials/webauthn/enrol_webauthn.ts'
import { removeWebAuthn } from '../../../src/domain/credentials/webauthn/remove_webauthn.ts'
import {
  type AssertionUse,
  assertionOptions,
  verifyAssertion,
} from '../../../src/domain/credentials/webauthn/verify_webauthn.ts'
import { relyingPartyOf } from '../../../src/domain/credentials/webauthn/webauthn.ts'
import {
  listWebAuthnCredentials,
  renameWebAuthnCredential,
} from '../../../src/domain/credentials/webauthn/webauthn_store.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { type Bend, createSoftKey, type SoftKey, useSoftKey } from '../../support/webauthn.ts'
import {
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  keyring,
  movableClock,
} from '../domain_database.ts'

const NOW = new Date('2026-03-01T12:00:10Z')
const origin = 'https://id.example.com'
const relyingParty = { id: 'id.example.com', origin }
const CONTEXT = ['session', 'account']
const SIGN_IN: AssertionUse = { purpose: 'sign_in', context: ['interaction'] }

describe('domain/credentials/webauthn', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  let ada: Account
  let bob: Account
  let people = 0

  before(async () => {
    database = await domainDatabase()
    db = database.db
  })
  after(() => database?.close())
  beforeEach(async () => {
    people += 1
    const clock = movableClock(NOW)
    ada = await createAccount({ db, clock }, { username: `ada${people}` })
    bob = await createAccount({ db, clock }, { username: `bob${people}` })
  })

  const deps = (now = NOW) => ({ db, keyring, relyingParty, clock: movableClock(now) })
  const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000)
  const creation = async (account: Account, context = CONTEXT) =>
    JSON.stringify(await enrolmentOptions(deps(), { account, context, name: 'AuthCore' }))
  const send = async (account: Account, response: string, at = NOW) =>
    await enrolWebAuthn(deps(at), {
      accountId: account.id,
      context: CONTEXT,
      response,
      name: '  My   laptop ',
      origin: {},
    })
  const enrol = async (account: Account, bend: Bend = {}): Promise<SoftKey> => {
    const { key, response } = createSoftKey(await creation(account), { origin, ...bend })
    expect((await send(account, response)).kind).to.equal('enrolled')
    return key
  }
  const request = async (use: AssertionUse = SIGN_IN, at = NOW) =>
    JSON.stringify(await assertionOptions(deps(at), use))
  const secondFactor = ({ id }: Account): AssertionUse => ({
    purpose: 'second_factor',
    context: ['interaction', id],
    accountId: id,
  })
  /** How it ends, with the consumption of what was verified. */
  const present = async (response: string, use: AssertionUse = SIGN_IN, at = NOW) => {
    const result = await verifyAssertion(deps(at), use, response)
    if (result.kind === 'refused') return result.reason
    return (await inTransaction(db, (tx) => result.consume(tx))) ? 'consumed' : 'not consumed'
  }

  describe('enrolment (WebAuthn L3 §7.1)', () => {
    it('keeps what the authenticator made, under the name that its owner gives it', async () => {
      const key = await enrol(ada)
      const [kept] = await listWebAuthnCredentials(db, ada.id)
      expect(kept).to.deep.include({
        accountId: ada.id,
        credentialId: key.credentialId,
        name: 'My   laptop',
        backupEligible: true,
        backedUp: true,
        userVerified: true,
        transports: ['internal'],
        signCount: 0,
      })
      expect(await eventTypes(db, ada.id)).to.include('auth.factor.added')
      expect(await listSecondFactors({ db, smsFactor: 'off' }, ada.id)).to.deep.equal(['webauthn'])
    })

    it('tells the authenticator nothing that names the account, and the same each time', async () => {
      const [one, two] = [await creation(ada), await creation(ada)].map(
        (text) => JSON.parse(text).user.id,
      )
      expect(one).to.equal(two)
      expect(Buffer.from(one, 'base64url')).to.have.length(32)
      expect(Buffer.from(one, 'base64url').toString()).not.to.include(ada.id)
      expect(JSON.parse(await creation(bob)).user.id).not.to.equal(one)
    })

    it('asks the authenticator for no second key of the account', async () => {
      const key = await enrol(ada)
      const { excludeCredentials } = JSON.parse(await creation(ada))
      expect(excludeCredentials).to.deep.equal([
        {
          type: 'public-key',
          id: key.credentialId.toString('base64url'),
          transports: ['internal'],
        },
      ])
    })

    const bent: [string, Bend][] = [
      ['made for another origin', { origin: 'https://id.example.com.evil.example' }],
      ['made for another port', { origin: 'https://id.example.com:8443' }],
      ['made without TLS', { origin: 'http://id.example.com' }],
      ['made in a frame of another site', { crossOrigin: true }],
      ['made under another site', { topOrigin: 'https://evil.example' }],
      ['made for another name', { rpId: 'evil.example' }],
      ['that is a signature', { type: 'webauthn.get' }],
      ['with a challenge of its own', { challenge: 'A'.repeat(70) }],
      ['made while nobody was there', { userPresent: false }],
      ['that is copied although it never may be', { backupEligible: false, backedUp: true }],
      ['with more behind it', { trailing: Buffer.alloc(3) }],
      ['whose name is too long', { credentialId: Buffer.alloc(1024) }],
    ]
    for (const [title, bend] of bent) {
      it(`refuses a key ${title}`, async () => {
        const { response } = createSoftKey(await creation(ada), { origin, ...bend })
        expect(await send(ada, response)).to.deep.equal({ kind: 'refused', reason: 'invalid' })
        expect(await listWebAuthnCredentials(db, ada.id)).to.deep.equal([])
      })
    }

    for (const text of ['', '{}', 'null', '[]', '{"id":1}', `{"id":"${'A'.repeat(9000)}"}`]) {
      it(`refuses what is none: ${text.slice(0, 12)}`, async () => {
        expect(await send(ada, text)).to.deep.equal({ kind: 'refused', reason: 'invalid' })
      })
    }

    it('refuses CBOR that is cut off or opens thousand arrays', async () => {
      const { response } = createSoftKey(await creation(ada), { origin })
      const json = JSON.parse(response)
      const whole = Buffer.from(json.response.attestationObject, 'base64url')
      for (const object of [whole.subarray(0, 60), Buffer.alloc(10_000, 0x9f)]) {
        json.response.attestationObject = object.toString('base64url')
        expect((await send(ada, JSON.stringify(json))).kind).to.equal('refused')
      }
      expect(await listWebAuthnCredentials(db, ada.id)).to.deep.equal([])
    })

    it('refuses one made for another session or account, or too late', async () => {
      for (const context of [['another', 'account'], ['session', 'another'], []]) {
        const { response } = createSoftKey(await creation(ada, context), { origin })
        expect(await send(ada, response)).to.deep.equal({ kind: 'refused', reason: 'invalid' })
      }
      const { response } = createSoftKey(await creation(ada), { origin })
      expect((await send(ada, response, later(901))).kind).to.equal('refused')
      const stolen = issueChallenge(deps(), SIGN_IN)
      const foreign = createSoftKey(await creation(ada), { origin, challenge: stolen })
      expect((await send(ada, foreign.response)).kind).to.equal('refused')
    })

    it('takes an answer once, of ten at the same time too', async () => {
      const { response } = createSoftKey(await creation(ada), { origin })
      const all = await Promise.all(Array.from({ length: 10 }, () => send(ada, response)))
      expect(all.filter(({ kind }) => kind === 'enrolled')).to.have.length(1)
      expect(await listWebAuthnCredentials(db, ada.id)).to.have.length(1)
    })

    it('refuses a key that somebody else has already, and leaves it theirs', async () => {
      const { credentialId } = await enrol(ada)
      const { response } = createSoftKey(await creation(bob), { origin, credentialId })
      expect(await send(bob, response)).to.deep.equal({ kind: 'refused', reason: 'known' })
      expect(await listWebAuthnCredentials(db, ada.id)).to.have.length(1)
      expect(await listWebAuthnCredentials(db, bob.id)).to.have.length(0)
    })

    it('refuses a disabled account', async () => {
      const { response } = createSoftKey(await creation(ada), { origin })
      await query(db, `UPDATE account SET status = 'disabled' WHERE id = $1`, [ada.id])
      expect((await send(ada, response)).kind).to.equal('refused')
    })
  })

  describe('signatures (WebAuthn L3 §7.2)', () => {
    it('says who signs in, once', async () => {
      const key = await enrol(ada)
      const response = useSoftKey(key, await request(), { origin })
      const result = await verifyAssertion(deps(), SIGN_IN, response)
      expect(result.kind).to.equal('verified')
      if (result.kind === 'verified') expect(result.credential.accountId).to.equal(ada.id)
      const all = await Promise.all(Array.from({ length: 10 }, () => present(response)))
      expect(all.filter((end) => end === 'consumed')).to.have.length(1)
      const [kept] = await listWebAuthnCredentials(db, ada.id)
      expect(kept?.lastUsedAt).to.deep.equal(NOW)
    })

    it('names no keys where nobody is known, and those of the account where somebody is', async () => {
      const key = await enrol(ada)
      const nobody = JSON.parse(await request())
      expect(nobody).to.deep.include({ allowCredentials: [], userVerification: 'required' })
      const known = JSON.parse(await request(secondFactor(ada)))
      expect(known.userVerification).to.equal('preferred')
      expect(known.allowCredentials.map(({ id }: { id: string }) => id)).to.deep.equal([
        key.credentialId.toString('base64url'),
      ])
    })

    const bent: [string, Bend, string][] = [
      ['for another origin', { origin: 'https://evil.example' }, 'invalid_signature'],
      ['for no origin', { origin: 'null' }, 'invalid_signature'],
      ['in a frame of another site', { crossOrigin: true }, 'malformed'],
      ['under another site', { topOrigin: 'https://evil.example' }, 'malformed'],
      ['for another name', { rpId: 'evil.example' }, 'invalid_signature'],
      ['that is a new key', { type: 'webauthn.create' }, 'invalid_signature'],
      ['with a challenge of its own', { challenge: 'A'.repeat(70) }, 'invalid_signature'],
      ['while nobody was there', { userPresent: false }, 'invalid_signature'],
      ['without its owner', { userVerified: false }, 'user_not_verified'],
      ['of a key that turned into a copied one', { backupEligible: false }, 'backup_changed'],
      ['without saying whose it is', { userHandle: undefined }, 'foreign_passkey'],
      ['of somebody else’s name', { userHandle: 'AAAA' }, 'foreign_passkey'],
      ['of a key nobody knows', { credentialId: Buffer.alloc(32, 7) }, 'unknown_passkey'],
    ]
    for (const [title, bend, reason] of bent) {
      it(`refuses one ${title}`, async () => {
        const key = await enrol(ada)
        const response = useSoftKey(key, await request(), { origin, ...bend })
        expect(await present(response)).to.equal(reason)
      })
    }

    it('refuses one with a bit turned', async () => {
      const key = await enrol(ada)
      const json = JSON.parse(useSoftKey(key, await request(), { origin }))
      const bytes = Buffer.from(json.response.signature, 'base64url')
      bytes[12]! ^= 1
      json.response.signature = bytes.toString('base64url')
      expect(await present(JSON.stringify(json))).to.equal('invalid_signature')
    })

    it('refuses one for another page, purpose or time', async () => {
      const key = await enrol(ada)
      const other = { purpose: 'sign_in', context: ['another'] } as const
      for (const use of [other, secondFactor(ada)]) {
        const response = useSoftKey(key, await request(use), { origin })
        expect(await present(response)).to.equal('invalid_signature')
      }
      const made = issueChallenge(deps(), { purpose: 'enrol', context: SIGN_IN.context })
      const response = useSoftKey(key, await request(), { origin, challenge: made })
      expect(await present(response)).to.equal('invalid_signature')
      const late = useSoftKey(key, await request(), { origin })
      expect(await present(late, SIGN_IN, later(901))).to.equal('invalid_signature')
    })

    it('takes a second factor of its owner only', async () => {
      const [hers, his] = [await enrol(ada), await enrol(bob)]
      const use = secondFactor(ada)
      const foreign = useSoftKey(his, await request(use), { origin })
      expect(await present(foreign, use)).to.equal('foreign_passkey')
      const own = useSoftKey(hers, await request(use), { origin, userHandle: undefined })
      expect(await present(own, use)).to.equal('consumed')
    })

    it('lets a key that asked for a touch stand beside a password only', async () => {
      const key = await enrol(ada, { userVerified: false })
      const alone = useSoftKey(key, await request(), { origin })
      expect(await present(alone)).to.equal('user_not_verified')
      const use = secondFactor(ada)
      const touch = useSoftKey(key, await request(use), { origin, userVerified: false })
      const touched = await verifyAssertion(deps(), use, touch)
      expect(touched).to.deep.include({ kind: 'verified', userVerified: false })
      // With the password it shows that it can do more, and may from then on.
      const more = useSoftKey(key, await request(use), { origin })
      expect(await present(more, use)).to.equal('consumed')
      expect(await present(useSoftKey(key, await request(), { origin }))).to.equal('consumed')
    })

    it('refuses a counter that stood still or went back', async () => {
      const key = await enrol(ada, { signCount: 5 })
      expect(await present(useSoftKey(key, await request(), { origin }))).to.equal('consumed')
      for (const signCount of [6, 5, 0]) {
        const response = useSoftKey(key, await request(), { origin, signCount })
        expect(await present(response)).to.equal('counter_regressed')
      }
      const next = useSoftKey(key, await request(), { origin, signCount: 7 })
      expect(await present(next)).to.equal('consumed')
    })

    it('lets one of two copies through that count the same at the same time', async () => {
      const key = await enrol(ada, { signCount: 5 })
      const both = [await request(), await request()].map((options) =>
        useSoftKey(key, options, { origin, signCount: 6 }),
      )
      const verified = await Promise.all(both.map((text) => verifyAssertion(deps(), SIGN_IN, text)))
      const ends = await Promise.all(
        verified.map((each) =>
          inTransaction(db, async (tx) => each.kind === 'verified' && (await each.consume(tx))),
        ),
      )
      expect(ends.filter(Boolean)).to.have.length(1)
    })
  })

  it('renames and removes the keys of an account, and of no other', async () => {
    await enrol(ada)
    await enrol(ada)
    const [first, second] = await listWebAuthnCredentials(db, ada.id)
    const named = { id: first!.id, name: 'Key ring' }
    expect(await renameWebAuthnCredential(db, { accountId: bob.id, ...named })).to.equal(false)
    expect(await renameWebAuthnCredential(db, { accountId: ada.id, ...named })).to.equal(true)
    const remove = (accountId: string, id: string) => removeWebAuthn({ db }, { accountId, id })
    expect(await remove(bob.id, first!.id)).to.equal('unknown')
    // She has no password, so one of them stays, also where both go at the same moment.
    const ends = await Promise.all([remove(ada.id, first!.id), remove(ada.id, second!.id)])
    expect(ends.sort()).to.deep.equal(['last_way_in', 'removed'])
    expect(await listWebAuthnCredentials(db, ada.id)).to.have.length(1)
  })

  it('forgets answered challenges when they could not be answered again anyway', async () => {
    await enrol(ada)
    const left = async () => (await query(db, 'SELECT nonce FROM webauthn_challenge')).length
    const before = await left()
    expect(await deleteExpiredChallenges(db, { now: later(800), limit: 1000 })).to.equal(0)
    expect(await deleteExpiredChallenges(db, { now: later(901), limit: 1000 })).to.equal(before)
    expect(await left()).to.equal(0)
  })

  it('is for issuers with a name', () => {
    expect(relyingPartyOf('https://id.example.com/')).to.deep.equal(relyingParty)
    expect(relyingPartyOf('http://localhost:3000')).to.deep.equal({
      id: 'localhost',
      origin: 'http://localhost:3000',
    })
    expect(relyingPartyOf('https://192.0.2.1')).to.equal(undefined)
    expect(relyingPartyOf('https://[2001:db8::1]:8443')).to.equal(undefined)
  })
})
