import { expect } from 'chai'
import type { LogoutToken } from '../../../../src/domain/federation/oidc/backchannel_logout.ts'
import { CLIENT_ID, ISSUER, JWKS, script, stopScripted } from './scripted_provider.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

type Claims = Record<string, unknown>

function logoutClaims(more: Claims = {}): Claims {
  const nowS = Math.floor(Date.now() / 1000)
  return {
    iss: ISSUER,
    aud: CLIENT_ID,
    iat: nowS,
    exp: nowS + 120,
    jti: 'logout-1',
    sub: 'ada-1',
    sid: 'session-1',
    events: { [EVENT]: {} },
    ...more,
  }
}

function withoutClaim(name: string): Claims {
  return Object.fromEntries(Object.entries(logoutClaims()).filter(([each]) => each !== name))
}

describe('a logout token from upstream (OpenID Connect Back-Channel Logout 1.0 §2.6)', () => {
  afterEach(stopScripted)

  async function verified(claims: Claims, header?: Claims): Promise<LogoutToken> {
    const { idp, connector } = await script()
    return await connector.oidc.verifyLogoutToken(await idp.sign(claims, header))
  }

  it('names whose sessions end, and what to remember against its return', async () => {
    const claims = logoutClaims()
    expect(await verified(claims)).to.deep.equal({
      kind: 'valid',
      logout: {
        subject: 'ada-1',
        sessionId: 'session-1',
        jti: 'logout-1',
        expiresAt: new Date((Number(claims['exp']) + 30) * 1000),
      },
    })
  })

  it('may name the subject or the session alone', async () => {
    const bySession = await verified(withoutClaim('sub'))
    expect(bySession).to.have.nested.property('logout.subject', undefined)
    expect(bySession).to.have.nested.property('logout.sessionId', 'session-1')
    const bySubject = await verified(withoutClaim('sid'))
    expect(bySubject).to.have.nested.property('logout.subject', 'ada-1')
  })

  it('may be typed, and be for several clients', async () => {
    const claims = logoutClaims({ aud: ['other', CLIENT_ID] })
    expect((await verified(claims, { typ: 'logout+jwt' })).kind).to.equal('valid')
  })

  const nowS = Math.floor(Date.now() / 1000)
  const FAULTS: [string, Claims, RegExp][] = [
    ['of another issuer', logoutClaims({ iss: 'https://evil.example.test' }), /"iss"/],
    ['for another client', logoutClaims({ aud: 'other' }), /"aud"/],
    ['that is over', logoutClaims({ exp: nowS - 60 }), /"exp"/],
    ['that lasts for days', logoutClaims({ exp: nowS + 86_400 }), /"exp" is too far/],
    ['of a time to come', logoutClaims({ iat: nowS + 300 }), /"iat"/],
    ['of yesterday', logoutClaims({ iat: nowS - 86_400 }), /"iat"/],
    ['with a nonce', logoutClaims({ nonce: 'n' }), /"nonce"/],
    ['without its event', logoutClaims({ events: { 'http://other.test/': {} } }), /"events"/],
    ['whose event is no object', logoutClaims({ events: { [EVENT]: true } }), /"events"/],
    ['whose subject is a number', logoutClaims({ sub: 1 }), /"sub"/],
    ['whose session is an object', logoutClaims({ sid: {} }), /"sid"/],
    ['of nobody', logoutClaims({ sub: undefined, sid: undefined }), /neither/],
    ...['iss', 'aud', 'iat', 'exp', 'jti', 'events'].map((name): [string, Claims, RegExp] => [
      `without ${name}`,
      withoutClaim(name),
      new RegExp(`"${name}"`),
    ]),
  ]
  for (const [what, claims, detail] of FAULTS) {
    it(`is refused where it is one ${what}`, async () => {
      const result = await verified(claims)
      expect(result).to.include({ kind: 'refused' })
      expect(result).to.have.property('detail').that.matches(detail)
    })
  }

  it('is refused where it was forged', async () => {
    const { idp, connector } = await script()
    const token = await idp.sign(logoutClaims())
    const [header, , signature] = token.split('.')
    const body = Buffer.from(JSON.stringify(logoutClaims({ sub: 'grace-1' }))).toString('base64url')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const unknown = await idp.sign(logoutClaims(), { kid: 'unknown' })
    for (const forged of [`${header}.${body}.${signature}`, `${none}.${body}.`, unknown]) {
      expect((await connector.oidc.verifyLogoutToken(forged)).kind).to.equal('refused')
    }
  })

  it('is refused where it is no token at all', async () => {
    const { connector } = await script()
    for (const text of ['', 'text', 'a.b.c', '..', '<b>', 'a'.repeat(100_000)]) {
      expect((await connector.oidc.verifyLogoutToken(text)).kind, text).to.equal('refused')
    }
  })

  it('cannot be told where the keys are not to be had', async () => {
    const { idp, connector } = await script()
    idp.override(JWKS, () => ({ status: 500, body: {} }))
    const result = await connector.oidc.verifyLogoutToken(await idp.sign(logoutClaims()))
    expect(result.kind).to.equal('unavailable')
  })

  it('is no ID token', async () => {
    const { idp, connector } = await script()
    const { events: _events, jti: _jti, ...claims } = logoutClaims({ nonce: 'n' })
    const result = await connector.oidc.verifyLogoutToken(await idp.sign(claims))
    expect(result.kind).to.equal('refused')
  })
})
