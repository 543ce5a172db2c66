import { expect } from 'chai'
import {
  DEVICE_COOKIE_MAX_AGE_S,
  issueDeviceCookie,
  verifyDeviceCookie,
} from '../../../src/domain/security/device_cookie.ts'
import { createKeyring } from '../../../src/platform/keys/keyring.ts'

describe('domain/security/device_cookie', () => {
  const ring = (byte: number) =>
    createKeyring({
      encryptionKeys: [{ id: 'k', key: Buffer.alloc(32, byte) }],
      hashKey: Buffer.alloc(32, byte),
    })
  const keyring = ring(1)
  const account = '01a2008e-3c55-7aa4-9529-81acff665343'

  it('names the account it was issued for', () => {
    expect(verifyDeviceCookie(keyring, issueDeviceCookie(keyring, account))).to.equal(account)
  })

  it('is fit for a cookie and new each time', () => {
    const token = issueDeviceCookie(keyring, account)
    expect(token).to.match(/^[\w.-]+$/)
    expect(issueDeviceCookie(keyring, account)).to.not.equal(token)
  })

  it('is refused when anything in it was changed', () => {
    const token = issueDeviceCookie(keyring, account)
    const parts = token.split('.')
    const forged = [
      undefined,
      '',
      '.',
      '...',
      'x'.repeat(10_000),
      `${token}x`,
      token.slice(0, -1),
      token.replace('01a2', '01a3'),
      [parts[0], Number(parts[1]) + 1, parts[2], parts[3]].join('.'),
      parts.slice(0, 3).join('.'),
      issueDeviceCookie(ring(2), account),
    ]
    for (const value of forged) expect(verifyDeviceCookie(keyring, value)).to.equal(undefined)
  })

  it('ends after its time', () => {
    const token = issueDeviceCookie(keyring, account, 0)
    const end = DEVICE_COOKIE_MAX_AGE_S * 1000
    expect(verifyDeviceCookie(keyring, token, end - 1)).to.equal(account)
    expect(verifyDeviceCookie(keyring, token, end)).to.equal(undefined)
  })
})
