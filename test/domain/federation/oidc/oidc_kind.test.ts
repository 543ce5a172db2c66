import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import { decodeProtectedHeader, importSPKI, jwtVerify } from 'jose'
import { oidcKind } from '../../../../src/domain/federation/oidc/oidc_kind.ts'
import { provenPerson } from '../../../suites/redirect_connector.ts'
import { connectorDeps, faultsOf, settingsOf } from '../support.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  DISCOVERY,
  ISSUER,
  script,
  scriptedProvider,
  stopScripted,
  TOKEN,
} from './scripted_provider.ts'

const FILE = { issuer: ISSUER, client_id: CLIENT_ID }

describe('the settings of a connection by OpenID Connect', () => {
  it('need an issuer and a client, and no more', () => {
    expect(settingsOf(oidcKind, FILE)).to.include({
      client_authentication: 'client_secret_basic',
      response_mode: 'query',
      userinfo: false,
      keep_tokens: false,
    })
    expect(faultsOf(oidcKind, {})).to.have.length(2)
  })

  const FAULTS: [Record<string, unknown>, string][] = [
    [{ issuer: 'idp' }, 'issuer: must be a URL, such as https://idp.example.com'],
    [{ issuer: 'http://idp.example.test' }, 'issuer: must be an https URL'],
    [{ issuer: 'http://localhost.evil.test' }, 'issuer: must be an https URL'],
    [
      { issuer: 'https://a:b@idp.example.test' },
      'issuer: must not carry a user name or a password',
    ],
    [{ issuer: `${ISSUER}?a=b` }, 'issuer: must have neither a query nor a fragment'],
    [
      { issuer: DISCOVERY },
      'issuer: must be the issuer alone, without /.well-known/openid-configuration',
    ],
    [{ scopes: ['profile'] }, 'scopes: must hold openid'],
    [{ scopes: ['openid', 'a b'] }, 'scopes.1: must be one scope, without spaces or quotes'],
    [
      { authorization_parameters: { redirect_uri: 'https://evil.test' } },
      'authorization_parameters.redirect_uri: is set by AuthCore itself',
    ],
    [
      { client_authentication: 'private_key_jwt', id_token_signed_response_alg: ['HS256'] },
      'id_token_signed_response_alg: HS256, HS384 and HS512 need a client_authentication by client_secret',
    ],
  ]
  for (const [more, fault] of FAULTS) {
    it(`do not take ${JSON.stringify(more)}`, () => {
      expect(faultsOf(oidcKind, { ...FILE, ...more })).to.deep.equal([fault])
    })
  }

  it('do not take names that nobody knows, nor alg none', () => {
    expect(faultsOf(oidcKind, { ...FILE, verify_signature: false })[0]).to.include(
      'verify_signature',
    )
    expect(faultsOf(oidcKind, { ...FILE, mapping: { mail: 'x' } })[0]).to.include('mail')
    const none = { ...FILE, id_token_signed_response_alg: ['none'] }
    expect(faultsOf(oidcKind, none)).to.have.length(1)
  })

  it('take plain http from this machine alone', () => {
    for (const issuer of ['http://localhost:9000', 'http://127.0.0.1:9000', 'http://[::1]:9000']) {
      expect(faultsOf(oidcKind, { ...FILE, issuer })).to.deep.equal([])
    }
  })
})

describe('how the provider knows us', () => {
  afterEach(stopScripted)

  it('is a secret in the header or in the form', async () => {
    for (const [method, authentication] of [
      ['client_secret_basic', 'basic'],
      ['client_secret_post', 'post'],
    ] as const) {
      const provider = { authentication }
      const { signIn } = await script({ client_authentication: method }, { provider })
      expect((await signIn()).kind, method).to.equal('proven')
    }
  })

  it('may be PKCE alone', async () => {
    const provider = { authentication: 'none' as const }
    const { signIn } = await script({ client_authentication: 'none' }, { provider, secrets: {} })
    expect((await signIn()).kind).to.equal('proven')
  })

  const KEYS: [string, ReturnType<typeof generateKeyPairSync>, string][] = [
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256'],
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'],
    ['Ed25519', generateKeyPairSync('ed25519'), 'Ed25519'],
  ]
  for (const [what, { privateKey, publicKey }, alg] of KEYS) {
    for (const form of ['pem', 'jwk'] as const) {
      it(`is a JWT signed with a key on ${what} given as ${form} (RFC 7523 §3)`, async () => {
        const spki = publicKey.export({ type: 'spki', format: 'pem' }) as string
        const authentication = async (posted: URLSearchParams) => {
          const assertion = posted.get('client_assertion') ?? ''
          const options = { issuer: CLIENT_ID, subject: CLIENT_ID, audience: ISSUER }
          await jwtVerify(assertion, await importSPKI(spki, alg), options)
          return decodeProtectedHeader(assertion).kid === 'our-key'
        }
        const text =
          form === 'pem'
            ? (privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
            : JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'our-key' })
        const settings = {
          client_authentication: 'private_key_jwt',
          ...(form === 'pem' ? { key_id: 'our-key' } : {}),
        }
        const { signIn } = await script(settings, {
          provider: { authentication },
          secrets: { private_key: text },
        })
        expect((await signIn()).kind).to.equal('proven')
      })
    }
  }

  it('has to be there when the connection opens, and is not repeated', () => {
    const open = (settings: object, secrets: Record<string, string>) => () =>
      oidcKind.open(
        { name: 'a', settings: settingsOf(oidcKind, { ...FILE, ...settings }), secrets },
        connectorDeps({} as never),
      )
    expect(open({}, {})).to.throw('the connection needs the secret client_secret')
    const byKey = { client_authentication: 'private_key_jwt' }
    expect(open(byKey, {})).to.throw('the connection needs the secret private_key')
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const pem = small.export({ type: 'pkcs8', format: 'pem' }) as string
    expect(open(byKey, { private_key: pem })).to.throw('no private key that signs')
    expect(open(byKey, { private_key: 'hush-hush' }))
      .to.throw()
      .and.not.match(/hush/)
  })

  it('is tried by the probe', async () => {
    const right = await script()
    expect(await right.connector.probe()).to.have.property('ok', true)
    const wrong = await script({}, { secrets: { client_secret: 'another' } })
    expect(await wrong.connector.probe()).to.deep.equal({
      ok: false,
      reason: 'the token endpoint answered invalid_client',
    })
  })
})

describe('what a provider tells of a person', () => {
  afterEach(stopScripted)

  it('is read as the mapping says', async () => {
    const mapping = {
      subject: 'oid',
      username: 'login',
      groups: 'realm_access.roles',
      phone: 'mobile',
      claims: { given_name: 'vorname' },
    }
    const { idp, signIn } = await script({ mapping })
    idp.changeIdToken((claims) => ({
      ...claims,
      oid: 4711,
      login: 'ada',
      realm_access: { roles: ['staff', 42, 'admin'] },
      mobile: '+49 (170) 123-4567',
      vorname: 'Ada',
      given_name: 'Wrong',
    }))
    const person = provenPerson(await signIn())
    expect(person).to.deep.include({
      subject: '4711',
      username: 'ada',
      groups: ['staff', 'admin'],
      phone: '+491701234567',
      claims: { given_name: 'Ada' },
    })
  })

  it('is left out where it is of another type or too long', async () => {
    const { idp, signIn } = await script()
    idp.changeIdToken((claims) => ({
      ...claims,
      name: { $ne: 1 },
      picture: 'x'.repeat(5000),
      email: ['a@x.test'],
      email_verified: true,
      phone_number: '0170 1234567',
      groups: Array.from({ length: 5000 }, (_, n) => `g${n}`),
      big: 'x'.repeat(100_000),
    }))
    const person = provenPerson(await signIn())
    expect(person).to.deep.include({ claims: {}, emailVerified: false })
    expect(person.email).to.equal(undefined)
    expect(person.phone).to.equal(undefined)
    expect(person.groups).to.have.length(500)
    expect(JSON.stringify(person.raw).length).to.be.below(40_000)
  })

  it('is left out where no database would keep it as it is', async () => {
    const { idp, signIn } = await script({ mapping: { subject: 'oid' } })
    const broken = ['a\u0000b', 'a\nb', 'a\ud800']
    for (const text of broken) {
      idp.changeIdToken((claims) => ({ ...claims, oid: text }))
      expect(await signIn(), JSON.stringify(text)).to.include({ reason: 'invalid' })
    }
    idp.changeIdToken((claims) => ({
      ...claims,
      oid: 'ada',
      name: 'a\u0000b',
      address: { locality: 'a\u0000b' },
      groups: ['staff', ...broken],
      department: 'a\u0000b',
      acr: 'a\u0000b',
    }))
    const result = await signIn()
    expect(provenPerson(result)).to.deep.include({ claims: {}, groups: ['staff'] })
    expect(JSON.stringify(result)).not.to.include('u0000')
  })

  it('brings no address but one of the web', async () => {
    const { idp, signIn } = await script()
    idp.changeIdToken((claims) => ({
      ...claims,
      picture: 'javascript:alert(1)',
      website: 'data:text/html,x',
      profile: 'https://example.test/ada',
    }))
    const { claims } = provenPerson(await signIn())
    expect(claims).to.deep.equal({ profile: 'https://example.test/ada' })
  })

  it('says when and how they signed in', async () => {
    const { idp, signIn } = await script({ keep_tokens: true })
    const details = { auth_time: 1_800_000_000, acr: 'mfa', amr: ['pwd', 'otp'], sid: 's-1' }
    idp.changeIdToken((claims) => ({ ...claims, ...details }))
    const result = await signIn()
    expect(result).to.have.property('kind', 'proven')
    const { authentication } = result as Extract<typeof result, { kind: 'proven' }>
    expect(authentication).to.deep.include({
      at: new Date(1_800_000_000_000),
      acr: 'mfa',
      amr: ['pwd', 'otp'],
      sessionId: 's-1',
    })
    expect(authentication.logoutHint).to.match(/^eyJ/)
    expect(authentication.tokens?.accessToken).to.match(/^bearer-/)
  })
})

describe('the tokens of a provider', () => {
  afterEach(stopScripted)

  const refreshed = { access_token: 'new', token_type: 'Bearer', expires_in: 60 }

  it('are refreshed, and an unrotated refresh token stays', async () => {
    const { idp, connector } = await script()
    idp.override(TOKEN, (form) =>
      form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === 'old'
        ? { body: refreshed }
        : undefined,
    )
    const result = await connector.refreshTokens({ refreshToken: 'old', subject: 'ada-1' })
    expect(result).to.deep.nested.include({
      kind: 'refreshed',
      'tokens.accessToken': 'new',
      'tokens.refreshToken': 'old',
    })
  })

  it('are not those of somebody else', async () => {
    const { idp, connector } = await script()
    const nowS = Math.floor(Date.now() / 1000)
    const claims = { iss: ISSUER, aud: CLIENT_ID, sub: 'grace-1', iat: nowS, exp: nowS + 60 }
    const id_token = await idp.sign(claims)
    idp.override(TOKEN, () => ({ body: { ...refreshed, id_token } }))
    const result = await connector.refreshTokens({ refreshToken: 'old', subject: 'ada-1' })
    expect(result).to.deep.equal({ kind: 'refused', detail: 'another subject' })
  })

  it('that are over are told from a provider that is away', async () => {
    const { idp, connector } = await script()
    const input = { refreshToken: 'old', subject: 'ada-1' }
    idp.override(TOKEN, () => ({ status: 400, body: { error: 'invalid_grant' } }))
    expect((await connector.refreshTokens(input)).kind).to.equal('refused')
    idp.override(TOKEN, () => ({ status: 503, body: {} }))
    expect((await connector.refreshTokens(input)).kind).to.equal('unavailable')
  })
})

describe('the end of the session there', () => {
  afterEach(stopScripted)

  it('has an address where the provider publishes one', async () => {
    const provider = scriptedProvider()
    provider.openid!.metadata['end_session_endpoint'] = `${ISSUER}/logout`
    const { connector } = await script({}, { provider })
    const uri = await connector.oidc.endSessionUri({
      idTokenHint: 'eyJ',
      postLogoutRedirectUri: 'https://auth.example.test/out',
      state: 's',
    })
    const { origin, pathname, searchParams } = new URL(uri!)
    expect(`${origin}${pathname}`).to.equal(`${ISSUER}/logout`)
    expect(Object.fromEntries(searchParams)).to.include({
      id_token_hint: 'eyJ',
      post_logout_redirect_uri: 'https://auth.example.test/out',
      state: 's',
    })
  })

  it('has none otherwise', async () => {
    const { connector } = await script()
    expect(await connector.oidc.endSessionUri({})).to.equal(undefined)
  })
})

describe('a provider that takes a form', () => {
  afterEach(stopScripted)

  it('is asked for one', async () => {
    const { leave, signIn } = await script({ response_mode: 'form_post' })
    const { departure } = await leave()
    expect(new URL(departure.uri).searchParams.get('response_mode')).to.equal('form_post')
    expect((await signIn()).kind).to.equal('proven')
  })

  it('never finds the client secret in an address', async () => {
    const { idp, signIn } = await script()
    await signIn()
    expect(JSON.stringify(idp.calls.map(({ query }) => [...query]))).not.to.include(CLIENT_SECRET)
  })
})
