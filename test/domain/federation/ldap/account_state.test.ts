import { expect } from 'chai'
import {
  activeDirectoryFault,
  genericFault,
} from '../../../../src/domain/federation/ldap/account_state.ts'
import { subjectFilter, subjectOf } from '../../../../src/domain/federation/ldap/subject.ts'

const NOW = new Date('2026-05-01T12:00:00Z')
/** 100 nanoseconds since 1601 of NOW. */
const NOW_TICKS = BigInt(NOW.getTime() + 11_644_473_600_000) * 10_000n

function entryOf(attributes: Record<string, string | Buffer>) {
  return {
    dn: 'cn=x',
    attributes: new Map(
      Object.entries(attributes).map(([name, value]) => [name.toLowerCase(), [Buffer.from(value)]]),
    ),
  }
}

describe('the state of an account of Active Directory', () => {
  const cases: [what: string, attributes: Record<string, string>, fault: string | undefined][] = [
    ['nothing known', {}, undefined],
    ['a usual one', { userAccountControl: '512', accountExpires: '0', pwdLastSet: '1' }, undefined],
    ['disabled', { userAccountControl: '514' }, 'disabled'],
    ['never expiring', { accountExpires: '9223372036854775807' }, undefined],
    ['expiring in a moment', { accountExpires: String(NOW_TICKS + 10_000n) }, undefined],
    ['expired now', { accountExpires: String(NOW_TICKS) }, 'expired'],
    ['with an expiry that is none', { accountExpires: 'soon' }, undefined],
    ['locked', { lockoutTime: '133000000000000000' }, 'locked'],
    ['unlocked', { lockoutTime: '0' }, undefined],
    [
      'locked once, and not any more',
      { lockoutTime: '1', 'msDS-User-Account-Control-Computed': '0' },
      undefined,
    ],
    ['locked, as computed', { 'msDS-User-Account-Control-Computed': '16' }, 'locked'],
    [
      'with an expired password',
      { 'msDS-User-Account-Control-Computed': '8388608' },
      'password_expired',
    ],
    ['that has to change it', { pwdLastSet: '0' }, 'must_change_password'],
    ['whose password never expires', { userAccountControl: '66048', pwdLastSet: '0' }, undefined],
    ['disabled and expired', { userAccountControl: '2', accountExpires: '1' }, 'disabled'],
  ]
  for (const [what, attributes, fault] of cases) {
    it(`${what}: ${fault ?? 'fine'}`, () => {
      expect(activeDirectoryFault(entryOf(attributes), NOW)).to.equal(fault)
    })
  }
})

describe('the state of an account elsewhere', () => {
  const today = Math.floor(NOW.getTime() / 86_400_000)
  const cases: [what: string, attributes: Record<string, string>, fault: string | undefined][] = [
    ['a usual one', {}, undefined],
    ['locked for good', { pwdAccountLockedTime: '000001010000Z' }, 'disabled'],
    [
      'locked for a while, which the server knows',
      { pwdAccountLockedTime: '20260501115900Z' },
      undefined,
    ],
    ['switched off', { nsAccountLock: 'true' }, 'disabled'],
    ['that expires tomorrow', { shadowExpire: String(today + 1) }, undefined],
    ['expired today', { shadowExpire: String(today) }, 'expired'],
    ['without expiry', { shadowExpire: '-1' }, undefined],
    ['set back by an administrator', { pwdReset: 'TRUE' }, 'must_change_password'],
  ]
  for (const [what, attributes, fault] of cases) {
    it(`${what}: ${fault ?? 'fine'}`, () => {
      expect(genericFault(entryOf(attributes), NOW)).to.equal(fault)
    })
  }
})

describe('the id of an entry', () => {
  const BYTES = Buffer.from('33221100554477668899aabbccddeeff', 'hex')
  const TEXT = '00112233-4455-6677-8899-aabbccddeeff'

  it('is an objectGUID in its text form ([MS-DTYP] §2.3.4.2)', () => {
    expect(subjectOf(entryOf({ objectGUID: BYTES }), 'objectGUID')).to.equal(TEXT)
    expect(subjectFilter(TEXT, 'objectGUID')).to.deep.include({ value: BYTES })
  })

  it('is none where there is none, or another size', () => {
    expect(subjectOf(entryOf({}), 'objectGUID')).to.equal(undefined)
    expect(subjectOf(entryOf({ objectGUID: Buffer.alloc(15) }), 'objectGUID')).to.equal(undefined)
    expect(subjectOf(entryOf({ entryUUID: '' }), 'entryUUID')).to.equal(undefined)
    expect(subjectFilter('*', 'objectGUID')).to.equal(undefined)
  })

  it('is one whatever the case in which a server writes it', () => {
    expect(subjectOf(entryOf({ entryUUID: TEXT.toUpperCase() }), 'entryUUID')).to.equal(TEXT)
  })
})
