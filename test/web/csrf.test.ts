import { createSecretKey, type KeyObject } from 'node:crypto'
import { expect } from 'chai'
import type { Context } from 'koa'
import { assertSameOrigin, checkCsrf, issueCsrf } from '../../src/web/csrf.ts'
import { ISSUER } from './listening_app.ts'

describe('web/csrf', () => {
  const key = createSecretKey(Buffer.alloc(32, 7))

  it('accepts the token issued for the same bindings', () => {
    const token = issueCsrf(key, ['uid', 'cookie'])
    expect(token).to.match(/^[\w-]{43}$/)
    checkCsrf(key, ['uid', 'cookie'], token)
  })

  it('refuses no token, another key and other bindings', () => {
    const token = issueCsrf(key, ['uid', 'cookie'])
    const refused: [KeyObject, string[], string | undefined][] = [
      [key, ['uid', 'cookie'], undefined],
      [key, ['uid', 'cookie'], ''],
      [key, ['uid', 'cookie'], `${token}a`],
      [key, ['uid', 'other'], token],
      [key, ['uidc', 'ookie'], token],
      [key, ['uid'], token],
      [createSecretKey(Buffer.alloc(32, 8)), ['uid', 'cookie'], token],
    ]
    for (const [otherKey, bindings, presented] of refused) {
      expect(() => checkCsrf(otherKey, bindings, presented))
        .to.throw()
        .with.property('code', 'forbidden')
    }
  })

  const call = (headers: Record<string, string>) =>
    assertSameOrigin({ get: (name: string) => headers[name] ?? '' } as unknown as Context, ISSUER)

  it('accepts our own origin, and browsers that say nothing', () => {
    call({})
    call({ Origin: ISSUER, 'Sec-Fetch-Site': 'same-origin' })
    call({ 'Sec-Fetch-Site': 'none' })
  })

  for (const headers of [
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: `${ISSUER}.evil.example` },
    { Origin: 'http://login.example.com' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { Origin: ISSUER, 'Sec-Fetch-Site': 'cross-site' },
  ]) {
    it(`refuses ${JSON.stringify(headers)}`, () => {
      expect(() => call(headers as Record<string, string>))
        .to.throw()
        .with.property('code', 'forbidden')
    })
  }
})
