import { expect } from 'chai'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import {
  listSecondFactors,
  reserveFactorTry,
  resetFactorTries,
} from '../../../src/domain/credentials/factor_store.ts'
import { generateRecoveryCodes } from '../../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { findRecoveryCodeSet } from '../../../src/domain/credentials/recovery_codes/recovery_code_store.ts'
import {
  canonicalRecoveryCode,
  newRecoveryCode,
} from '../../../src/domain/credentials/recovery_codes/recovery_codes.ts'
import {
  consumeRecoveryCode,
  recoveryCodeHash,
} from '../../../src/domain/credentials/recovery_codes/verify_recovery_code.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../../src/domain/credentials/totp/enrol_totp.ts'
import { removeTotp } from '../../../src/domain/credentials/totp/remove_totp.ts'
import { totpCodeAt, totpStepOf, totpUri } from '../../../src/domain/credentials/totp/totp.ts'
import { listConfirmedTotps } from '../../../src/domain/credentials/totp/totp_store.ts'
import { consumeTotpCode } from '../../../src/domain/credentials/totp/verify_totp.ts'
import { isTrustedDevice, trustDevice } from '../../../src/domain/sessions/trusted_device.ts'
import {
  deleteExpiredTrustedDevices,
  deleteTrustedDevice,
  listTrustedDevices,
} from '../../../src/domain/sessions/trusted_device_store.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import {
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  keyring,
  movableClock,
} from '../domain_database.ts'

const NOW = new Date('2026-03-01T12:00:10Z')

describe('second factors', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  let ada: string
  let bob: string
  let people = 0

  before(async () => {
    database = await domainDatabase()
    db = database.db
  })
  after(() => database?.close())
  beforeEach(async () => {
    people += 1
    const clock = movableClock(NOW)
    ada = (await createAccount({ db, clock }, { username: `ada${people}` })).id
    bob = (await createAccount({ db, clock }, { username: `bob${people}` })).id
  })

  const deps = (now = NOW) => ({ db, keyring, clock: movableClock(now) })
  const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000)
  const enrol = async (accountId: string) => {
    const secret = await beginTotpEnrolment(deps(), accountId)
    const code = totpCodeAt(secret, NOW)
    const result = await confirmTotpEnrolment(deps(), { accountId, code, origin: {} })
    expect(result.kind).to.equal('enrolled')
    return { secret, id: result.kind === 'enrolled' ? result.id : '' }
  }
  const useTotp = async (accountId: string, code: string, now: Date) =>
    await inTransaction(db, (tx) => consumeTotpCode({ keyring }, tx, { accountId, code, now }))
  const useRecoveryCode = async (accountId: string, code: string) => {
    const hash = await recoveryCodeHash(db, accountId, code)
    return await inTransaction(
      db,
      async (tx) => !!hash && (await consumeRecoveryCode(tx, { accountId, hash, now: NOW })),
    )
  }

  describe('TOTP (RFC 6238)', () => {
    it('agrees with the test vectors of its appendix B', () => {
      // The secret is the ASCII text 12345678901234567890; the vectors have eight digits.
      const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
      for (const [seconds, code] of [
        [59, '287082'],
        [1111111109, '081804'],
        [1234567890, '005924'],
        [20000000000, '353130'],
      ] as const) {
        const now = new Date(seconds * 1000)
        expect(totpCodeAt(secret, now)).to.equal(code)
        expect(totpStepOf(secret, code, now)).to.equal(Math.floor(seconds / 30))
      }
    })

    it('takes a code of the step before and after, with spaces, and no other text', async () => {
      const { secret } = await enrol(ada)
      const at = (seconds: number) => totpCodeAt(secret, later(seconds))
      expect(totpStepOf(secret, at(-30), NOW)).to.equal(Math.floor(NOW.getTime() / 30_000) - 1)
      expect(totpStepOf(secret, at(30), NOW)).to.equal(Math.floor(NOW.getTime() / 30_000) + 1)
      expect(totpStepOf(secret, at(90), NOW)).to.equal(undefined)
      expect(totpStepOf(secret, at(-90), NOW)).to.equal(undefined)
      expect(totpStepOf(secret, `${at(0).slice(0, 3)} ${at(0).slice(3)}`, NOW)).to.be.a('number')
      for (const text of ['', '12345', '1234567', 'abcdef', '١٢٣٤٥٦', '9'.repeat(500)]) {
        expect(totpStepOf(secret, text, NOW), text).to.equal(undefined)
      }
    })

    it('counts only once its first code was right, and then shows its secret no more', async () => {
      const secret = await beginTotpEnrolment(deps(), ada)
      expect(await beginTotpEnrolment(deps(), ada), 'the page loaded again').to.equal(secret)
      expect(await listSecondFactors({ db, smsFactor: 'off' }, ada)).to.deep.equal([])
      expect(await useTotp(ada, totpCodeAt(secret, NOW), NOW)).to.equal(false)
      const wrong = { accountId: ada, code: '000000', origin: {} }
      expect(await confirmTotpEnrolment(deps(), wrong)).to.include({ reason: 'wrong_code' })
      const { secret: enrolled } = await enrol(ada)
      expect(enrolled).to.equal(secret)
      expect(await listSecondFactors({ db, smsFactor: 'off' }, ada)).to.deep.equal(['totp'])
      expect(await beginTotpEnrolment(deps(), ada)).not.to.equal(secret)
      expect(await eventTypes(db, ada)).to.include('auth.factor.added')
    })

    it('forgets a secret that waited too long', async () => {
      const secret = await beginTotpEnrolment(deps(), ada)
      const now = later(901)
      const code = totpCodeAt(secret, now)
      const result = await confirmTotpEnrolment(deps(now), { accountId: ada, code, origin: {} })
      expect(result).to.deep.equal({ kind: 'refused', reason: 'expired' })
    })

    it('uses a code up, also the one that enrolled it, and of twenty at once one succeeds', async () => {
      const { secret } = await enrol(ada)
      expect(await useTotp(ada, totpCodeAt(secret, NOW), NOW)).to.equal(false)
      const now = later(30)
      const code = totpCodeAt(secret, now)
      const uses = await Promise.all(Array.from({ length: 20 }, () => useTotp(ada, code, now)))
      expect(uses.filter(Boolean)).to.have.length(1)
      expect(await useTotp(ada, code, now)).to.equal(false)
    })

    it('does not take an old code when the clock jumps back', async () => {
      const { secret } = await enrol(ada)
      const now = later(60)
      expect(await useTotp(ada, totpCodeAt(secret, now), now)).to.equal(true)
      const back = later(-3600)
      expect(await useTotp(ada, totpCodeAt(secret, back), back)).to.equal(false)
    })

    it('belongs to its account alone, and can be removed by it', async () => {
      const { secret, id } = await enrol(ada)
      const now = later(30)
      expect(await useTotp(bob, totpCodeAt(secret, now), now)).to.equal(false)
      expect(await removeTotp({ db }, { accountId: bob, id })).to.equal(false)
      expect(await removeTotp({ db }, { accountId: ada, id })).to.equal(true)
      expect(await removeTotp({ db }, { accountId: ada, id })).to.equal(false)
      expect(await useTotp(ada, totpCodeAt(secret, now), now)).to.equal(false)
      expect(await eventTypes(db, ada)).to.include('auth.factor.removed')
    })

    it('is kept sealed, and five at most', async () => {
      const secrets = []
      for (let i = 0; i < 5; i += 1) secrets.push((await enrol(ada)).secret)
      const secret = await beginTotpEnrolment(deps(), ada)
      const input = { accountId: ada, code: totpCodeAt(secret, NOW), origin: {} }
      expect(await confirmTotpEnrolment(deps(), input)).to.include({ reason: 'too_many' })
      const rows = await query<{ row: string }>(
        db,
        'SELECT totp_credential::text AS row FROM totp_credential',
      )
      const text = rows.map(({ row }) => row).join()
      for (const each of secrets) {
        expect(text).not.to.include(each).and.not.to.include(Buffer.from(each).toString('hex'))
      }
      expect(await listConfirmedTotps(db, ada)).to.have.length(5)
    })

    it('writes an address that authenticators read', () => {
      const uri = new URL(
        totpUri('JBSWY3DPEHPK3PXP', { issuer: 'Müller & Co', account: 'a@b.example' }),
      )
      expect(uri.protocol).to.equal('otpauth:')
      expect(decodeURIComponent(uri.pathname)).to.equal('/Müller & Co:a@b.example')
      expect(Object.fromEntries(uri.searchParams)).to.deep.equal({
        secret: 'JBSWY3DPEHPK3PXP',
        issuer: 'Müller & Co',
        algorithm: 'SHA1',
        digits: '6',
        period: '30',
      })
      expect(uri.search).not.to.include('+')
    })
  })

  describe('recovery codes', () => {
    it('are ten, forgive how they are typed, and are good once each', async () => {
      const codes = await generateRecoveryCodes(deps(), ada, {})
      expect(new Set(codes)).to.have.property('size', 10)
      for (const code of codes) expect(code).to.match(/^[0-9a-z]{4}(-[0-9a-z]{4}){3}$/)
      expect(
        await useRecoveryCode(ada, ` ${codes[0]!.toUpperCase().replaceAll('-', ' ')} `),
      ).to.equal(true)
      expect(await useRecoveryCode(ada, codes[0]!)).to.equal(false)
      expect((await findRecoveryCodeSet(db, ada))?.unused).to.equal(9)
      expect(await eventTypes(db, ada)).to.include('auth.recovery_code.used')
    })

    it('of twenty uses at once let one succeed', async () => {
      const [code] = await generateRecoveryCodes(deps(), ada, {})
      const uses = await Promise.all(Array.from({ length: 20 }, () => useRecoveryCode(ada, code!)))
      expect(uses.filter(Boolean)).to.have.length(1)
    })

    it('end with the next set, and are nobody else’s', async () => {
      const [old] = await generateRecoveryCodes(deps(), ada, {})
      await generateRecoveryCodes(deps(), bob, {})
      expect(await useRecoveryCode(bob, old!)).to.equal(false)
      await generateRecoveryCodes(deps(), ada, {})
      expect(await useRecoveryCode(ada, old!)).to.equal(false)
    })

    it('are no factor by themselves', async () => {
      await generateRecoveryCodes(deps(), ada, {})
      expect(await listSecondFactors({ db, smsFactor: 'off' }, ada)).to.deep.equal([])
      await enrol(ada)
      expect(await listSecondFactors({ db, smsFactor: 'off' }, ada)).to.deep.equal([
        'totp',
        'recovery_code',
      ])
    })

    it('are kept as hashes of a memory-hard function', async () => {
      const codes = await generateRecoveryCodes(deps(), ada, {})
      const rows = await query<{ row: string }>(
        db,
        'SELECT recovery_code::text AS row FROM recovery_code',
      )
      const text = rows.map(({ row }) => row).join()
      for (const code of codes) {
        const hex = Buffer.from(canonicalRecoveryCode(code)!).toString('hex')
        expect(text).not.to.include(code).and.not.to.include(hex)
      }
    })

    it('read letters that look like digits as digits, and refuse what is no code', () => {
      expect(canonicalRecoveryCode('OIL0-0000-0000-0000')).to.equal('0110000000000000')
      for (const text of ['', 'abc', 'uuuu-uuuu-uuuu-uuuu', 'x'.repeat(1_000_000)]) {
        expect(canonicalRecoveryCode(text)).to.equal(undefined)
      }
      expect(canonicalRecoveryCode(newRecoveryCode())).to.have.length(16)
    })
  })

  describe('wrong tries', () => {
    const reserve = (now = NOW, kind: 'totp' | 'recovery_code' = 'totp') =>
      reserveFactorTry(db, { accountId: ada, kind, now })

    it('are ten in an hour, also at once, and counted for each kind', async () => {
      const tries = await Promise.all(Array.from({ length: 20 }, () => reserve()))
      expect(tries.filter(Boolean)).to.have.length(10)
      expect(await reserve(NOW, 'recovery_code')).to.equal(true)
      expect(await reserve(later(3599))).to.equal(false)
      expect(await reserve(later(3600))).to.equal(true)
    })

    it('are a hundred in a row, however long they take, until a success of that kind', async () => {
      let allowed = 0
      for (let hour = 0; hour < 15; hour += 1) {
        for (let i = 0; i < 10; i += 1) if (await reserve(later(hour * 3600))) allowed += 1
      }
      expect(allowed).to.equal(100)
      await resetFactorTries(db, ada, 'recovery_code')
      expect(await reserve(later(99 * 3600))).to.equal(false)
      await resetFactorTries(db, ada, 'totp')
      expect(await reserve(later(99 * 3600))).to.equal(true)
    })

    it('end with another set of recovery codes: nobody is locked out for good', async () => {
      const kind = 'recovery_code'
      for (let i = 0; i < 20; i += 1) await reserve(NOW, kind)
      expect(await reserve(NOW, kind)).to.equal(false)
      await generateRecoveryCodes(deps(), ada, {})
      expect(await reserve(NOW, kind)).to.equal(true)
    })
  })

  describe('trusted devices', () => {
    it('are trusted with one account, until they expire or are distrusted', async () => {
      const token = await trustDevice(deps(), {
        accountId: ada,
        days: 30,
        origin: { userAgent: 'Firefox' },
      })
      expect(await isTrustedDevice(deps(), { accountId: ada, tokens: ['other', token] })).to.equal(
        true,
      )
      expect(await isTrustedDevice(deps(), { accountId: bob, tokens: [token] })).to.equal(false)
      for (const wrong of [undefined, '', 'x', 'x'.repeat(10_000)]) {
        expect(
          await isTrustedDevice(deps(), {
            accountId: ada,
            tokens: wrong === undefined ? [] : [wrong],
          }),
        ).to.equal(false)
      }
      const end = later(30 * 86_400)
      expect(
        await isTrustedDevice(deps(end), { accountId: ada, tokens: ['other', token] }),
      ).to.equal(false)
      const [device] = await listTrustedDevices(db, { accountId: ada, now: NOW })
      expect(device).to.include({ userAgent: 'Firefox' })
      expect(await deleteTrustedDevice(db, { accountId: bob, id: device!.id })).to.equal(false)
      expect(await deleteTrustedDevice(db, { accountId: ada, id: device!.id })).to.equal(true)
      expect(await isTrustedDevice(deps(), { accountId: ada, tokens: ['other', token] })).to.equal(
        false,
      )
    })

    it('are removed when they have expired', async () => {
      await trustDevice(deps(), { accountId: ada, days: 1, origin: {} })
      expect(await deleteExpiredTrustedDevices(db, { now: later(86_399), limit: 10 })).to.equal(0)
      expect(await deleteExpiredTrustedDevices(db, { now: later(86_400), limit: 10 })).to.equal(1)
    })
  })
})
