import { generateKeyPairSync } from 'node:crypto'
import { mock } from 'node:test'
import { expect } from 'chai'
import { base64url, exportSPKI, importJWK, SignJWT } from 'jose'
import type { RedirectResult } from '../../../../src/domain/federation/connector.ts'
import { provenPerson } from '../../../suites/redirect_connector.ts'
import { imitate } from '../../../support/imitation_provider.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  DISCOVERY,
  ISSUER,
  JWKS,
  script,
  scriptedProvider,
  stopScripted,
  TOKEN,
  USERINFO,
} from './scripted_provider.ts'

/** The ways in which an upstream provider, or whoever stands between, deceives. */

const HS_SETTINGS = { id_token_signed_response_alg: ['HS256'] }
const NOW_S = () => Math.floor(Date.now() / 1000)

function expectRefusal(result: RedirectResult, reason: string, detail: RegExp): void {
  expect(result).to.include({ kind: 'refused', reason })
  expect(result).to.have.property('detail').that.matches(detail)
}

function expectUnavailable(result: unknown, reason: RegExp): void {
  expect(result).to.include({ kind: 'unavailable' })
  expect(result).to.have.property('reason').that.matches(reason)
}

describe('an upstream provider that deceives', () => {
  afterEach(async () => {
    mock.timers.reset()
    await stopScripted()
  })

  it('is told from an honest one', async () => {
    const { signIn } = await script()
    expect(provenPerson(await signIn()).subject).to.equal('ada-1')
  })

  describe('state (RFC 6749 §10.12)', () => {
    it('refuses an answer without one', async () => {
      const { signIn } = await script()
      const result = await signIn({ params: ({ state: _state, ...rest }) => rest })
      expectRefusal(result, 'invalid', /"state" missing/)
    })

    it('refuses a foreign one, before the code is used', async () => {
      const { signIn, idp } = await script()
      const result = await signIn({ params: (params) => ({ ...params, state: 'x'.repeat(43) }) })
      expectRefusal(result, 'invalid', /unexpected "state"/)
      expect(idp.calls.map(({ url }) => url)).not.to.include(TOKEN)
    })

    it('refuses what another browser kept', async () => {
      const { signIn, leave } = await script()
      const { keep: others } = await leave()
      // The code_verifier is another, so the provider does not take the code.
      expectRefusal(await signIn({ keep: () => others }), 'invalid', /invalid_grant/)
    })
  })

  describe('an answer by another flow', () => {
    const ANSWERS: [string, Record<string, string>, RegExp][] = [
      ['without a code', {}, /code/],
      ['with a token beside the code', { code: 'a', id_token: 'b' }, /implicit and hybrid/],
      ['in a JWT', { response: 'eyJ' }, /JARM/],
    ]
    for (const [what, answer, detail] of ANSWERS) {
      it(`is refused: one ${what}`, async () => {
        const { idp, signIn } = await script()
        const result = await signIn({ params: ({ state }) => ({ state: state!, ...answer }) })
        expectRefusal(result, 'invalid', detail)
        expect(idp.calls.map(({ url }) => url)).not.to.include(TOKEN)
      })
    }
  })

  describe('nonce', () => {
    const NONCES: [string, (claims: Record<string, unknown>) => Record<string, unknown>, RegExp][] =
      [
        ['is missing', ({ nonce: _nonce, ...claims }) => claims, /"nonce".* missing/],
        ['is another', (claims) => ({ ...claims, nonce: 'replayed' }), /"nonce"/],
      ]
    for (const [what, change, detail] of NONCES) {
      it(`refuses an ID token whose nonce ${what}`, async () => {
        const { idp, signIn } = await script()
        idp.changeIdToken(change)
        expectRefusal(await signIn(), 'invalid', detail)
      })
    }
  })

  describe('mix-up (RFC 9207, RFC 9700 §4.4)', () => {
    it('refuses an answer by another issuer', async () => {
      const { signIn, idp } = await script()
      const result = await signIn({ params: (p) => ({ ...p, iss: 'https://evil.example.test' }) })
      expectRefusal(result, 'invalid', /unexpected "iss"/)
      expect(idp.calls.map(({ url }) => url)).not.to.include(TOKEN)
    })

    it('takes an answer that names its issuer', async () => {
      const { signIn } = await script()
      const result = await signIn({ params: (p) => ({ ...p, iss: ISSUER }) })
      expect(result.kind).to.equal('proven')
    })

    it('refuses one without issuer, where the provider says that it names it', async () => {
      const provider = scriptedProvider()
      provider.openid!.metadata['authorization_response_iss_parameter_supported'] = true
      const { signIn } = await script({}, { provider })
      expectRefusal(await signIn(), 'invalid', /"iss" \(issuer\) missing/)
    })

    it("refuses at one connection the answer to another's request", async () => {
      const first = await script({}, { name: 'first' })
      const second = await script({}, { name: 'second', idp: first.idp })
      const { start, departure, keep } = await first.leave()
      const params = first.idp.signIn(departure.uri, 'ada')
      const result = await second.connector.redirect.finish({ start, params, keep })
      expectRefusal(result, 'invalid', /no request of this connection/)
    })
  })

  describe('the signature of an ID token', () => {
    const unsigned = (claims: object) =>
      `${base64url.encode('{"alg":"none"}')}.${base64url.encode(JSON.stringify(claims))}.`

    it('refuses alg none, even where the provider publishes it', async () => {
      for (const published of [['RS256'], ['none', 'RS256']]) {
        const provider = scriptedProvider()
        provider.openid!.metadata['id_token_signing_alg_values_supported'] = published
        const { idp, signIn } = await script({}, { provider })
        idp.signWith(unsigned)
        expectRefusal(await signIn(), 'invalid', /alg/i)
      }
    })

    it('refuses HMAC with the public key as its secret', async () => {
      const provider = scriptedProvider()
      provider.openid!.metadata['id_token_signing_alg_values_supported'] = ['RS256', 'HS256']
      const { idp, signIn } = await script({}, { provider })
      const key = await importJWK({ ...idp.keys.publicJwk }, 'RS256', { extractable: true })
      const pem = new TextEncoder().encode(await exportSPKI(key as never))
      idp.signWith((claims) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: idp.keys.kid }).sign(pem),
      )
      expectRefusal(await signIn(), 'invalid', /"alg"/)
    })

    it('refuses HMAC with the client secret, unless the connection says so', async () => {
      const provider = scriptedProvider()
      provider.openid!.metadata['id_token_signing_alg_values_supported'] = ['RS256', 'HS256']
      const byHmac = (claims: Record<string, unknown>) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256' })
          .sign(new TextEncoder().encode(CLIENT_SECRET))
      const usual = await script({}, { provider })
      usual.idp.signWith(byHmac)
      expectRefusal(await usual.signIn(), 'invalid', /"alg"/)
      const said = await script(HS_SETTINGS, { provider })
      said.idp.signWith(byHmac)
      expect((await said.signIn()).kind).to.equal('proven')
    })

    it('refuses HMAC with another secret', async () => {
      const { idp, signIn } = await script(HS_SETTINGS)
      idp.signWith((claims) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256' })
          .sign(new TextEncoder().encode('another secret of the same length')),
      )
      expectRefusal(await signIn(), 'invalid', /signature verification failed/)
    })

    it('refuses a key id that the provider does not publish', async () => {
      const { idp, signIn } = await script()
      idp.signWith((claims) => idp.sign(claims, { kid: 'unknown' }))
      expectRefusal(await signIn(), 'invalid', /no applicable key/)
    })

    it("refuses the key of another provider under that provider's key id", async () => {
      const other = await imitate(scriptedProvider())
      const { idp, signIn } = await script()
      idp.signWith((claims) => other.sign(claims))
      expectRefusal(await signIn(), 'invalid', /no applicable key/)
      idp.signWith((claims) => other.sign(claims, { kid: idp.keys.kid }))
      expectRefusal(await signIn(), 'invalid', /signature verification failed/)
      await other.stop()
    })

    it('fetches no key that the token itself names', async () => {
      const { idp, signIn } = await script()
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const jwk = publicKey.export({ format: 'jwk' })
      const header = { alg: 'RS256', kid: 'mine', jku: `${ISSUER}/evil`, jwk }
      idp.signWith((claims) =>
        new SignJWT(claims).setProtectedHeader(header as never).sign(privateKey),
      )
      expectRefusal(await signIn(), 'invalid', /no applicable key/)
      expect(idp.calls.map(({ url }) => url)).not.to.include(`${ISSUER}/evil`)
    })

    it('refuses a token that was changed', async () => {
      const { idp, signIn } = await script()
      idp.signWith(async (claims) => {
        const [header, , signature] = (await idp.sign(claims)).split('.')
        const body = base64url.encode(JSON.stringify({ ...claims, sub: 'somebody-else' }))
        return `${header}.${body}.${signature}`
      })
      expectRefusal(await signIn(), 'invalid', /signature verification failed/)
    })

    it('refuses extensions that it does not know (RFC 7515 §4.1.11)', async () => {
      const { idp, signIn } = await script()
      idp.signWith(async (claims) => {
        const [, body, signature] = (await idp.sign(claims)).split('.')
        const header = { alg: 'RS256', kid: idp.keys.kid, crit: ['x'], x: 1 }
        return `${base64url.encode(JSON.stringify(header))}.${body}.${signature}`
      })
      expectRefusal(await signIn(), 'invalid', /"crit"/)
    })
  })

  describe('the claims of an ID token (OpenID Connect Core §3.1.3.7)', () => {
    const without = (name: string) => (claims: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(claims).filter(([each]) => each !== name))
    const withClaims =
      (more: () => Record<string, unknown>) => (claims: Record<string, unknown>) => ({
        ...claims,
        ...more(),
      })
    const FAULTS: [string, ReturnType<typeof without>, RegExp][] = [
      ['another iss', withClaims(() => ({ iss: `${ISSUER}/` })), /"iss"/],
      ['another aud', withClaims(() => ({ aud: 'somebody-else' })), /"aud"/],
      ['several aud without azp', withClaims(() => ({ aud: [CLIENT_ID, 'other'] })), /"aud"/],
      [
        'several aud and a foreign azp',
        withClaims(() => ({ aud: [CLIENT_ID, 'other'], azp: 'other' })),
        /"azp"/,
      ],
      ['one aud and a foreign azp', withClaims(() => ({ azp: 'other' })), /"azp"/],
      ['an exp that is over', withClaims(() => ({ exp: NOW_S() - 60 })), /"exp"/],
      ['an exp that is a text', withClaims(() => ({ exp: String(NOW_S() + 60) })), /"exp"/],
      ['an iat that is to come', withClaims(() => ({ iat: NOW_S() + 120 })), /"iat"/],
      ['an nbf that is to come', withClaims(() => ({ nbf: NOW_S() + 120 })), /"nbf"/],
      ['a sub that is a number', withClaims(() => ({ sub: 42 })), /"sub"/],
      ['a sub of 300 characters', withClaims(() => ({ sub: 'x'.repeat(300) })), /no subject/],
      ...['iss', 'aud', 'exp', 'iat', 'sub'].map(
        (name): [string, ReturnType<typeof without>, RegExp] => [
          `no ${name}`,
          without(name),
          new RegExp(`"${name}"`),
        ],
      ),
    ]
    for (const [what, change, detail] of FAULTS) {
      it(`refuses ${what}`, async () => {
        const { idp, signIn } = await script()
        idp.changeIdToken(change)
        expectRefusal(await signIn(), 'invalid', detail)
      })
    }

    it('refuses a response without ID token', async () => {
      const { idp, signIn } = await script()
      idp.override(TOKEN, () => ({ body: { access_token: 'a', token_type: 'Bearer' } }))
      expectRefusal(await signIn(), 'invalid', /"id_token"/)
    })
  })

  describe('the discovery document', () => {
    const document = (more: object) => () => ({
      body: {
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/authorize`,
        token_endpoint: TOKEN,
        jwks_uri: JWKS,
        ...more,
      },
    })

    for (const issuer of ['https://evil.example.test', `${ISSUER}/`, 'https://IDP.example.test']) {
      it(`refuses one that names ${issuer}`, async () => {
        const { idp, connector } = await script()
        idp.override(DISCOVERY, document({ issuer }))
        const start = {
          callbackUri: 'https://a.test/cb',
          state: 's',
          forceAuthn: false,
          acrValues: [],
        }
        expectUnavailable(await connector.redirect.begin(start), /issuer/)
      })
    }

    const BROKEN: [string, object][] = [
      ['plain http endpoints', { authorization_endpoint: 'http://idp.example.test/authorize' }],
      ['no authorization_endpoint', { authorization_endpoint: undefined }],
      ['an unreadable endpoint', { authorization_endpoint: 'not a url' }],
      ['an unreadable issuer', { issuer: 'not a url' }],
      ['keys over plain http', { jwks_uri: 'http://idp.example.test/jwks' }],
      ['no keys', { jwks_uri: undefined }],
    ]
    for (const [what, more] of BROKEN) {
      it(`cannot be used with ${what}`, async () => {
        const { idp, connector } = await script()
        idp.override(DISCOVERY, document(more))
        const start = {
          callbackUri: 'https://a.test/cb',
          state: 's',
          forceAuthn: false,
          acrValues: [],
        }
        expectUnavailable(await connector.redirect.begin(start), /./)
      })
    }

    const NO_ANSWERS: [
      string,
      { status?: number; headers?: Record<string, string>; body: unknown },
      RegExp,
    ][] = [
      ['a page', { headers: { 'content-type': 'text/html' }, body: '<h1>Hi</h1>' }, /content-type/],
      ['an error', { status: 500, body: {} }, /500/],
      [
        'a redirect',
        { status: 302, headers: { location: 'http://169.254.169.254/' }, body: '' },
        /redirect/,
      ],
      ['more than half a megabyte', { body: `"${'x'.repeat(600_000)}"` }, /too large/],
    ]
    for (const [what, answer, reason] of NO_ANSWERS) {
      it(`cannot be used where it is ${what}`, async () => {
        const { idp, connector } = await script()
        idp.override(DISCOVERY, () => answer)
        const start = {
          callbackUri: 'https://a.test/cb',
          state: 's',
          forceAuthn: false,
          acrValues: [],
        }
        expectUnavailable(await connector.redirect.begin(start), reason)
      })
    }

    it('is fetched once for everybody, and again after an hour', async () => {
      let now = Date.now()
      const { idp, leave } = await script({}, { clock: { now: () => new Date(now) } })
      const fetched = () => idp.calls.filter(({ url }) => url === DISCOVERY).length
      await Promise.all([leave(), leave(), leave()])
      await leave()
      expect(fetched()).to.equal(1)
      now += 61 * 60_000
      await leave()
      expect(fetched()).to.equal(2)
    })

    it('serves for a day while the provider cannot be reached, and no longer', async () => {
      let now = Date.now()
      const { idp, leave, connector } = await script({}, { clock: { now: () => new Date(now) } })
      const { start } = await leave()
      await idp.stop()
      now += 2 * 60 * 60_000
      expect((await connector.redirect.begin(start)).kind).to.equal('departs')
      now += 24 * 60 * 60_000
      expectUnavailable(await connector.redirect.begin(start), /connection failed/)
    })
  })

  describe('the keys', () => {
    it('are fetched again when a token names a new one', async () => {
      const { idp, signIn } = await script()
      expect((await signIn()).kind).to.equal('proven')
      await idp.rotate()
      mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 })
      expect((await signIn()).kind).to.equal('proven')
    })

    it('are not asked for at every forged key id', async () => {
      const { idp, signIn } = await script()
      await signIn()
      idp.signWith((claims) => idp.sign(claims, { kid: 'forged' }))
      for (let n = 0; n < 5; n += 1) expect((await signIn()).kind).to.equal('refused')
      expect(idp.calls.filter(({ url }) => url === JWKS)).to.have.length(1)
    })

    it('are not taken any more once they are withdrawn', async () => {
      const { idp, signIn } = await script()
      const old = idp.keys
      await signIn()
      await idp.rotate()
      idp.signWith((claims) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: old.kid }).sign(old.privateKey),
      )
      mock.timers.enable({ apis: ['Date'], now: Date.now() + 11 * 60_000 })
      expectRefusal(await signIn(), 'invalid', /no applicable key/)
    })

    const NO_KEYS: [
      string,
      { status?: number; headers?: Record<string, string>; body: unknown },
      RegExp,
    ][] = [
      ['five megabytes', { body: `"${'x'.repeat(5 * 1024 * 1024)}"` }, /too large/],
      [
        'a redirect to an internal address',
        { status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
        /redirect/,
      ],
      ['an error', { status: 503, body: {} }, /keys/],
      ['no key set', { body: { keys: 'none' } }, /keys/],
      ['a page', { headers: { 'content-type': 'text/html' }, body: '<h1>Hi</h1>' }, /keys/],
    ]
    for (const [what, answer, reason] of NO_KEYS) {
      it(`that are ${what} make the provider unavailable`, async () => {
        const { idp, signIn } = await script()
        idp.override(JWKS, () => answer)
        expectUnavailable(await signIn(), reason)
      })
    }

    it('that do not come make it unavailable within seconds', async function () {
      this.timeout(15_000)
      const { idp, signIn } = await script()
      idp.override(JWKS, () => 'silence')
      const before = Date.now()
      expectUnavailable(await signIn(), /deadline/)
      expect(Date.now() - before).to.be.below(6000)
    })
  })

  describe('the token endpoint', () => {
    const NO_TOKENS: [
      string,
      { status?: number; headers?: Record<string, string>; body: unknown },
      string,
      RegExp,
    ][] = [
      [
        'a page',
        { headers: { 'content-type': 'text/html' }, body: '<b>Hi</b>' },
        'unavailable',
        /content-type/,
      ],
      ['a page that says it is JSON', { body: '<b>Hi</b>' }, 'refused', /parse/],
      ['ten megabytes', { body: `"${'x'.repeat(10 * 1024 * 1024)}"` }, 'unavailable', /too large/],
      ['an error with status 200', { body: { error: 'invalid_grant' } }, 'refused', /access_token/],
      [
        'an error of the code',
        { status: 400, body: { error: 'invalid_grant' } },
        'refused',
        /invalid_grant/,
      ],
      [
        'an error of our credentials',
        { status: 401, body: { error: 'invalid_client' } },
        'unavailable',
        /invalid_client/,
      ],
      ['a failure', { status: 500, body: {} }, 'unavailable', /500/],
      [
        'a redirect',
        { status: 307, headers: { location: 'https://evil.example.test/' }, body: '' },
        'unavailable',
        /redirect/,
      ],
      [
        'a token of another type',
        { body: { access_token: 'a', token_type: 'mac' } },
        'refused',
        /id_token|token_type/,
      ],
    ]
    for (const [what, answer, kind, words] of NO_TOKENS) {
      it(`that answers ${what} signs nobody in`, async () => {
        const { idp, signIn } = await script()
        idp.override(TOKEN, () => answer)
        const result = await signIn()
        expect(result.kind).to.equal(kind)
        expect(JSON.stringify(result)).to.match(words).and.not.include('<b>')
      })
    }

    it('is left alone after three failures', async () => {
      const { idp, signIn } = await script()
      idp.override(TOKEN, () => ({ status: 500, body: {} }))
      for (let n = 0; n < 3; n += 1) await signIn()
      // The circuit belongs to the origin, so the departure notices it as well where it has to ask.
      const before = idp.calls.length
      expectUnavailable(await signIn(), /left alone/)
      expect(idp.calls).to.have.length(before)
    })
  })

  describe('errors', () => {
    const answer = (error: string, description = '') => ({
      params: ({ state }: Record<string, string>) => ({
        state: state!,
        error,
        ...(description ? { error_description: description } : {}),
      }),
    })

    it('are told as a refusal, with what the provider said', async () => {
      const { signIn } = await script()
      expectRefusal(await signIn(answer('access_denied', 'No.')), 'denied', /^access_denied: No\.$/)
    })

    it('with a foreign state are no answer at all', async () => {
      const { signIn } = await script()
      const result = await signIn({ params: () => ({ state: 'other', error: 'access_denied' }) })
      expectRefusal(result, 'invalid', /"state"/)
    })

    it('carry no markup, no control characters and no novel', async () => {
      const { signIn } = await script()
      const markup = `<script>alert("1")</script>\r\nSet-Cookie: a=b&${'x'.repeat(5000)}`
      const result = await signIn(answer('access_denied', markup))
      expectRefusal(result, 'denied', /^access_denied: [^<>"&\r\n]*$/)
      expect((result as { detail: string }).detail.length).to.be.below(310)
    })

    it('of its own trouble are no refusal', async () => {
      const { signIn } = await script()
      expectUnavailable(await signIn(answer('temporarily_unavailable')), /temporarily_unavailable/)
    })

    it('of an assurance that it cannot give are a sign-in that is too weak', async () => {
      const { signIn } = await script()
      const result = await signIn(answer('unmet_authentication_requirements'))
      expectRefusal(result, 'too_weak', /unmet/)
    })
  })

  describe('what was asked of the sign-in', () => {
    const ACR = 'urn:example:mfa'

    it('is asked for by its parameters', async () => {
      const { leave } = await script({ acr_values: ['unused'] })
      const { departure } = await leave({
        acrValues: [ACR, 'b'],
        forceAuthn: true,
        loginHint: 'ada@example.test',
        uiLocales: 'de en',
      })
      const { searchParams } = new URL(departure.uri)
      expect(Object.fromEntries(searchParams)).to.include({
        acr_values: `${ACR} b`,
        max_age: '0',
        prompt: 'login',
        login_hint: 'ada@example.test',
        ui_locales: 'de en',
        code_challenge_method: 'S256',
      })
    })

    it('refuses another acr than one of those', async () => {
      const { idp, signIn } = await script()
      const start = { acrValues: [ACR] }
      expectRefusal(await signIn({ start }), 'too_weak', /acr/)
      idp.changeIdToken((claims) => ({ ...claims, acr: 'urn:example:password' }))
      expectRefusal(await signIn({ start }), 'too_weak', /acr/)
      idp.changeIdToken((claims) => ({ ...claims, acr: ACR }))
      expect((await signIn({ start })).kind).to.equal('proven')
    })

    it('asks for that of the connection where the request has none', async () => {
      const { idp, signIn } = await script({ acr_values: [ACR] })
      expectRefusal(await signIn(), 'too_weak', /acr/)
      idp.changeIdToken((claims) => ({ ...claims, acr: ACR }))
      expect((await signIn()).kind).to.equal('proven')
    })

    const AGES: [string, object, number | undefined, boolean][] = [
      ['max_age, and a sign-in that old', { maxAgeS: 600 }, 500, true],
      ['max_age, and an older one', { maxAgeS: 600 }, 700, false],
      ['max_age, and no word of it', { maxAgeS: 600 }, undefined, false],
      ['a fresh sign-in, and an older one', { forceAuthn: true }, 120, false],
      ['a fresh sign-in, and a fresh one', { forceAuthn: true }, 0, true],
    ]
    for (const [what, start, ageS, isEnough] of AGES) {
      it(`${isEnough ? 'takes' : 'refuses'} ${what}`, async () => {
        const { idp, signIn } = await script()
        const authTime = ageS === undefined ? {} : { auth_time: NOW_S() - ageS }
        idp.changeIdToken((claims) => ({ ...claims, ...authTime }))
        const result = await signIn({ start })
        if (isEnough) expect(result.kind).to.equal('proven')
        else expectRefusal(result, 'too_weak', /sign-in/)
      })
    }
  })

  describe('UserInfo', () => {
    const provider = (document: object) =>
      scriptedProvider({ resources: { [USERINFO]: () => document } })

    it('adds what the ID token does not tell', async () => {
      const resources = provider({ sub: 'ada-1', name: 'Ada', email: 'ada@example.test' })
      const { signIn } = await script({ userinfo: true }, { provider: resources })
      const person = provenPerson(await signIn())
      expect(person).to.include({ email: 'ada@example.test', emailVerified: false })
      expect(person.claims).to.deep.equal({ name: 'Ada' })
    })

    it('of another subject refuses the sign-in', async () => {
      const resources = provider({ sub: 'grace-1', email: 'grace@example.test' })
      const { signIn } = await script({ userinfo: true }, { provider: resources })
      expectRefusal(await signIn(), 'invalid', /"sub"/)
    })

    it('without subject refuses the sign-in', async () => {
      const { signIn } = await script({ userinfo: true }, { provider: provider({ name: 'Ada' }) })
      expectRefusal(await signIn(), 'invalid', /"sub"/)
    })

    it('that is not there makes the provider unavailable', async () => {
      const { idp, signIn } = await script({ userinfo: true }, { provider: provider({}) })
      idp.override(USERINFO, () => ({ status: 502, body: {} }))
      expectUnavailable(await signIn(), /502/)
    })

    it('is not asked where the connection does not say so', async () => {
      const { idp, signIn } = await script({}, { provider: provider({ sub: 'ada-1' }) })
      await signIn()
      expect(idp.calls.map(({ url }) => url)).not.to.include(USERINFO)
    })
  })

  describe('a verified address', () => {
    const emails: [string, object, object, boolean][] = [
      ['true in the ID token', { email: 'a@x.test', email_verified: true }, {}, true],
      ['the text "true"', { email: 'a@x.test', email_verified: 'true' }, {}, false],
      ['the number 1', { email: 'a@x.test', email_verified: 1 }, {}, false],
      ['missing', { email: 'a@x.test' }, {}, false],
      ['said without the address', { email_verified: true }, { email: 'a@x.test' }, false],
      [
        'said of another address in UserInfo',
        { email: 'a@x.test', email_verified: true },
        { email: 'b@x.test', email_verified: true },
        false,
      ],
      [
        'contradicted by UserInfo',
        { email: 'a@x.test', email_verified: true },
        { email: 'a@x.test', email_verified: false },
        false,
      ],
    ]
    for (const [what, idToken, info, isVerified] of emails) {
      it(`is ${isVerified ? '' : 'not '}one whose verification is ${what}`, async () => {
        const provider = scriptedProvider({
          resources: { [USERINFO]: () => ({ sub: 'ada-1', ...info }) },
        })
        const { idp, signIn } = await script({ userinfo: true }, { provider })
        idp.changeIdToken((claims) => ({ ...claims, ...idToken }))
        const person = provenPerson(await signIn())
        expect(person).to.include({ email: 'a@x.test', emailVerified: isVerified })
      })
    }
  })

  it('brings nothing of Object.prototype along', async () => {
    const { idp, signIn } = await script()
    idp.changeIdToken((claims) => ({
      ...claims,
      ...JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}}}'),
    }))
    expect((await signIn()).kind).to.equal('proven')
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined)
  })
})
