import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import { CLIENT_PRESETS, presetDefaults } from '../../../src/domain/clients/client_presets.ts'
import { redirectUriFault } from '../../../src/domain/clients/client_uri.ts'
import { parseClientMetadata } from '../../../src/domain/clients/parse_client_metadata.ts'

const WEB: ClientMetadataInput = { redirect_uris: ['https://app.example/cb'] }

const ENCRYPTED = {
  id_token_encrypted_response_alg: 'ECDH-ES',
  id_token_encrypted_response_enc: 'A256GCM',
}

/** The sentence with which this is refused, or undefined. */
function refusal(metadata: unknown): string | undefined {
  try {
    parseClientMetadata(metadata, null)
    return undefined
  } catch (error) {
    expect((error as { code: string }).code).to.match(/invalid_input|too_large/)
    return (error as Error).message
  }
}

const publicJwk = (type: 'ec' | 'ed25519' | 'x25519' | 'rsa', bits = 2048) => {
  const { publicKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : type === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: bits })
        : generateKeyPairSync(type as 'ed25519')
  return publicKey.export({ format: 'jwk' })
}

describe('domain/clients/client_metadata', () => {
  it('fills in the defaults of RFC 7591, and ES256 for the ID token', () => {
    expect(parseClientMetadata(WEB, null)).to.deep.equal({
      redirect_uris: ['https://app.example/cb'],
      post_logout_redirect_uris: [],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      application_type: 'web',
      id_token_signed_response_alg: 'ES256',
      subject_type: 'public',
    })
  })

  it('does not change what it has accepted', () => {
    const accepted = parseClientMetadata(WEB, null)
    expect(parseClientMetadata(JSON.parse(JSON.stringify(accepted)), null)).to.deep.equal(accepted)
  })

  for (const preset of CLIENT_PRESETS) {
    it(`has defaults for the preset ${preset} that hold`, () => {
      const defaults = presetDefaults(preset)
      const uris = defaults.response_types?.length ? WEB : {}
      const keys = preset === 'fapi2' ? { jwks: { keys: [publicJwk('ec')] } } : {}
      parseClientMetadata({ ...defaults, ...uris, ...keys }, preset)
    })
  }

  describe('redirect URIs', () => {
    for (const uri of [
      'https://app.example',
      'https://app.example/cb?tenant=1',
      'https://app.example:8443/cb',
      'https://xn--bcher-kva.example/cb',
      'http://localhost:3000/cb',
      'http://127.0.0.1/cb',
      'http://[::1]:51004/cb',
    ]) {
      it(`may be ${uri}`, () => {
        expect(refusal({ redirect_uris: [uri] })).to.equal(undefined)
      })
    }

    for (const uri of [
      'com.example.app:/cb',
      'com.example.app://callback',
      'http://127.0.0.1:51004/cb',
      'http://localhost/cb',
      'https://app.example/claimed',
    ]) {
      it(`of a native client may be ${uri}`, () => {
        expect(refusal({ redirect_uris: [uri], application_type: 'native' })).to.equal(undefined)
      })
    }

    const bad = [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\tscript:alert(1)',
      ' javascript:alert(1)',
      'javascript://app.example/%0aalert(1)',
      'data:text/html,x',
      'DATA:text/html,x',
      'file:///etc/passwd',
      'vbscript:x',
      'blob:https://app.example/x',
      'about:blank',
      'mailto:a@app.example',
      'intent://x#Intent;end',
      'ftp://app.example/',
      'http://evil.example/cb',
      'http://127.0.0.1.evil.example/cb',
      'http://localhost.evil.example/cb',
      'http://0.0.0.0/cb',
      'http://127.1/cb',
      'http://2130706433/cb',
      'http://[::ffff:127.0.0.1]/cb',
      'https://*.app.example/cb',
      'https://app.example/*',
      '*',
      'https://app.example/cb#',
      'https://app.example/cb#top',
      'https://user@app.example/cb',
      'https://user:pw@app.example/cb',
      'https://@app.example/cb',
      'https://app.example\\@evil.example/cb',
      'https://app.example/a/../cb',
      'https://app.example/%2e%2e/cb',
      'https:app.example/cb',
      'https:/app.example/cb',
      'https:///app.example/cb',
      '//app.example/cb',
      '/cb',
      '',
      'app.example/cb',
      'https://',
      'HTTPS://app.example/cb',
      'https://APP.example/cb',
      'https://app.example/c b',
      'https://app.example/cb\n',
      'https://app.example/\u0000',
      'https://äpp.example/cb',
      'https://app.example/<script>',
      'https://app.example:99999/cb',
      'myapp:/cb',
      'myapp://cb',
      'localhost:3000/cb',
      'urn:ietf:wg:oauth:2.0:oob',
      `https://app.example/${'a'.repeat(2_000)}`,
    ]
    for (const application_type of ['web', 'native'] as const) {
      for (const uri of bad) {
        it(`of a ${application_type} client must not be ${JSON.stringify(uri.slice(0, 60))}`, () => {
          expect(refusal({ redirect_uris: [uri], application_type })).to.match(/^redirect_uris\.0 /)
          const logout = { ...WEB, post_logout_redirect_uris: [uri], application_type }
          expect(refusal(logout)).to.match(/^post_logout_redirect_uris\.0 /)
        })
      }
    }

    it('have a private scheme for native clients only, and then no https on loopback', () => {
      expect(refusal({ redirect_uris: ['com.example.app:/cb'] })).to.match(/https/)
      const loopback = { redirect_uris: ['https://localhost/cb'], application_type: 'native' }
      expect(refusal(loopback)).to.match(/loopback/)
    })

    it('are at most fifty, each once', () => {
      const uris = (count: number) =>
        Array.from({ length: count }, (_, i) => `https://a.example/${i}`)
      expect(refusal({ redirect_uris: uris(50) })).to.equal(undefined)
      expect(refusal({ redirect_uris: uris(51) })).to.match(/redirect_uris .*50/)
      expect(refusal({ redirect_uris: uris(1000) })).to.match(/redirect_uris .*50/)
      expect(refusal({ redirect_uris: ['https://a.example', 'https://a.example'] })).to.match(
        /repeat/,
      )
    })
  })

  for (const member of [
    'client_uri',
    'logo_uri',
    'policy_uri',
    'tos_uri',
    'jwks_uri',
    'backchannel_logout_uri',
    'initiate_login_uri',
  ]) {
    it(`accepts https alone for ${member}`, () => {
      expect(refusal({ ...WEB, [member]: 'https://app.example/x' })).to.equal(undefined)
      for (const uri of [
        'javascript:alert(1)',
        'data:image/svg+xml,x',
        'http://app.example/x',
        'com.example.app:/x',
        'x',
        '',
      ]) {
        expect(refusal({ ...WEB, [member]: uri }), uri).to.match(new RegExp(`^${member} `))
      }
    })
  }

  it('asks for https for initiate_login_uri on loopback too, where others may be http', () => {
    const uri = 'http://localhost:3000/x'
    expect(refusal({ ...WEB, backchannel_logout_uri: uri, jwks_uri: uri })).to.equal(undefined)
    expect(refusal({ ...WEB, initiate_login_uri: uri })).to.match(/initiate_login_uri/)
  })

  describe('keys', () => {
    const withKey = (jwk: unknown) => ({
      ...WEB,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    })

    for (const type of ['ec', 'ed25519', 'rsa'] as const) {
      it(`may be public ${type} keys`, () => {
        expect(refusal(withKey({ ...publicJwk(type), kid: 'k', use: 'sig' }))).to.equal(undefined)
      })
    }

    it('must be public, asymmetric, valid, strong and for signatures', () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const ec = publicJwk('ec')
      for (const jwk of [
        privateKey.export({ format: 'jwk' }),
        { kty: 'oct', k: 'c2VjcmV0' },
        { ...ec, k: 'c2VjcmV0' },
        { ...ec, x: 'AAAA' },
        { ...ec, crv: 'secp256k1' },
        { ...ec, use: 'wrap' },
        { ...publicJwk('ed25519'), use: 'enc' },
        { ...publicJwk('x25519') },
        { ...ec, kid: 7 },
        { kty: 'EC' },
        { kty: 'constructor' },
        {},
        publicJwk('rsa', 1024),
        'key',
      ]) {
        expect(refusal(withKey(jwk)), JSON.stringify(jwk)).to.match(/^jwks\.keys\.0/)
      }
    })

    it('come by value or by reference, never both and never neither', () => {
      const method = { ...WEB, token_endpoint_auth_method: 'private_key_jwt' }
      expect(refusal(method)).to.match(/jwks/)
      expect(refusal({ ...method, jwks: { keys: [] } })).to.match(/jwks/)
      const both = {
        ...method,
        jwks: { keys: [publicJwk('ec')] },
        jwks_uri: 'https://app.example/jwks',
      }
      expect(refusal(both)).to.match(/jwks_uri/)
    })
  })

  describe('rules between members', () => {
    const cases: [string, Record<string, unknown>, RegExp][] = [
      [
        'client_credentials without authentication',
        { ...presetDefaults('service'), token_endpoint_auth_method: 'none' },
        /token_endpoint_auth_method/,
      ],
      [
        'refresh_token alone',
        { grant_types: ['refresh_token'], response_types: [] },
        /grant_types/,
      ],
      [
        'refresh_token with client_credentials',
        { grant_types: ['refresh_token', 'client_credentials'], response_types: [] },
        /grant_types/,
      ],
      ['no grant at all', { grant_types: [], response_types: [] }, /grant_types/],
      [
        'a code response without its grant',
        { grant_types: ['client_credentials'], response_types: ['code'] },
        /response_types/,
      ],
      ['the code grant without its response', { ...WEB, response_types: [] }, /response_types/],
      ['the code grant without redirect URI', {}, /redirect_uris/],
      ['implicit', { ...WEB, grant_types: ['implicit'], response_types: ['id_token'] }, /legacy/],
      ['the password grant', { ...WEB, grant_types: ['password'] }, /grant_types/],
      ['a token response', { ...WEB, response_types: ['token'] }, /response_types/],
      [
        'client_secret_jwt',
        { ...WEB, token_endpoint_auth_method: 'client_secret_jwt' },
        /token_endpoint_auth_method/,
      ],
      [
        'HS256 for the ID token',
        { ...WEB, id_token_signed_response_alg: 'HS256' },
        /id_token_signed_response_alg/,
      ],
      [
        'none for the ID token',
        { ...WEB, id_token_signed_response_alg: 'none' },
        /id_token_signed_response_alg/,
      ],
      [
        'an assertion algorithm without assertions',
        { ...WEB, token_endpoint_auth_signing_alg: 'ES256' },
        /token_endpoint_auth_signing_alg/,
      ],
      [
        'a logout session without logout',
        { ...WEB, backchannel_logout_session_required: true },
        /backchannel/,
      ],
      [
        'pairwise subjects of two hosts',
        {
          redirect_uris: [...WEB.redirect_uris!, 'https://other.example/cb'],
          subject_type: 'pairwise',
        },
        /^sector_identifier_uri must be given/,
      ],
      [
        'pairwise subjects for nobody',
        { ...presetDefaults('service'), subject_type: 'pairwise' },
        /^subject_type must be public/,
      ],
      ['an unknown kind of subject', { ...WEB, subject_type: 'ephemeral' }, /^subject_type/],
      [
        'addresses of requests with a name as fragment',
        { ...WEB, request_uris: ['https://app.example/request#top'] },
        /^request_uris\.0 must have the base64url SHA-256/,
      ],
      [
        'signed requests without keys',
        { ...WEB, require_signed_request_object: true },
        /^require_signed_request_object needs/,
      ],
      [
        'an algorithm for requests without keys',
        { ...WEB, request_object_signing_alg: 'ES256' },
        /^request_object_signing_alg needs/,
      ],
      [
        'encryption without keys',
        { ...WEB, ...ENCRYPTED },
        /^id_token_encrypted_response_alg needs a key/,
      ],
      [
        'encryption to a key of another kind',
        { ...WEB, ...ENCRYPTED, jwks: { keys: [{ ...publicJwk('rsa'), use: 'enc' }] } },
        /^jwks must hold a key with the use enc for ECDH-ES/,
      ],
      [
        'encryption to a key for signatures',
        { ...WEB, ...ENCRYPTED, jwks: { keys: [{ ...publicJwk('ec'), use: 'sig' }] } },
        /^jwks must hold a key with the use enc/,
      ],
      [
        'encryption with nothing said about how',
        { ...WEB, ...ENCRYPTED, id_token_encrypted_response_enc: undefined },
        /^id_token_encrypted_response_enc must be given/,
      ],
      [
        'half of an encryption',
        { ...WEB, userinfo_encrypted_response_enc: 'A256GCM' },
        /^userinfo_encrypted_response_enc needs/,
      ],
      [
        'encryption with what is old',
        { ...WEB, ...ENCRYPTED, id_token_encrypted_response_alg: 'RSA1_5' },
        /^id_token_encrypted_response_alg/,
      ],
      [
        'encrypted UserInfo that is not signed',
        {
          ...WEB,
          userinfo_encrypted_response_alg: 'ECDH-ES',
          userinfo_encrypted_response_enc: 'A256GCM',
          jwks: { keys: [{ ...publicJwk('ec'), use: 'enc' }] },
        },
        /^userinfo_signed_response_alg must be given/,
      ],
      [
        'assertions with a key for encryption alone',
        {
          ...WEB,
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [{ ...publicJwk('ec'), use: 'enc' }] },
        },
        /^jwks must hold a key for signatures/,
      ],
      [
        'requests signed with HMAC',
        { ...WEB, request_object_signing_alg: 'HS256' },
        /^request_object_signing_alg/,
      ],
      ['the scope of an API', { ...WEB, scope: 'openid orders:read' }, /scope/],
      ['a negative default_max_age', { ...WEB, default_max_age: -1 }, /default_max_age/],
      ['an unknown member', { ...WEB, client_secret: 'x' }, /client_secret/],
      ['contacts that are not addresses', { ...WEB, contacts: ['<script>'] }, /contacts/],
      ['a list in the place of a text', { ...WEB, scope: ['openid'] }, /scope/],
    ]
    for (const [title, metadata, sentence] of cases) {
      it(`refuse ${title}`, () => {
        expect(refusal(metadata)).to.match(sentence)
      })
    }

    it('refuse what is no object', () => {
      for (const value of [null, [], 'x', 7]) expect(refusal(value)).to.be.a('string')
    })

    it('bound the metadata as a whole', () => {
      const redirect_uris = Array.from(
        { length: 40 },
        (_, i) => `https://a.example/${i}/${'p'.repeat(900)}`,
      )
      expect(refusal({ redirect_uris })).to.match(/32 kB/)
    })
  })
})

describe('domain/clients/client_metadata, whatever is registered', () => {
  const uri = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('https://a.example/cb', 'https://b.example/') },
    { weight: 1, arbitrary: fc.constantFrom('http://127.0.0.1/cb', 'com.example.app:/cb', 'x') },
    { weight: 1, arbitrary: fc.webUrl() },
    { weight: 1, arbitrary: fc.string() },
  )
  const odd = fc.oneof(uri, fc.string(), fc.boolean(), fc.integer(), fc.jsonValue({ maxDepth: 2 }))
  const members: Record<string, fc.Arbitrary<unknown>> = {
    redirect_uris: fc.array(uri, { minLength: 1, maxLength: 2 }),
    post_logout_redirect_uris: fc.array(uri, { maxLength: 2 }),
    grant_types: fc.constantFrom(['authorization_code'], ['authorization_code', 'refresh_token']),
    token_endpoint_auth_method: fc.constantFrom(
      'none',
      'client_secret_basic',
      'client_secret_post',
    ),
    scope: fc.constantFrom('openid', 'openid email', 'openid profile:staff'),
    contacts: fc.array(fc.constantFrom('ops@a.example', 'dev@a.example'), { maxLength: 2 }),
    default_max_age: fc.nat(1_000_000),
    client_uri: uri,
    backchannel_logout_uri: uri,
    dpop_bound_access_tokens: fc.boolean(),
    resource_scopes: fc.dictionary(fc.webUrl(), fc.constantFrom(['read'], ['read', 'write'], [])),
    default_acr_values: fc.constantFrom(['a'], ['a', 'b'], []),
  }
  const good = fc.record(members, { requiredKeys: ['redirect_uris', 'token_endpoint_auth_method'] })
  const strange = fc.dictionary(
    fc.oneof(fc.constantFrom(...Object.keys(members)), fc.string()),
    odd,
    {
      maxKeys: 2,
    },
  )

  it('is refused in words of ours, or is the same again after it was stored and read', () => {
    let accepted = 0
    fc.assert(
      fc.property(
        good,
        fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, strange),
        (good, odd) => {
          const given = { ...good, ...odd }
          if (refusal(given) !== undefined) return
          accepted += 1
          const kept = parseClientMetadata(given, null)
          expect(kept).to.deep.include(given)
          expect(parseClientMetadata(JSON.parse(JSON.stringify(kept)), null)).to.deep.equal(kept)
        },
      ),
      { numRuns: 1_000 },
    )
    expect(accepted, 'so that there was something to compare').to.be.above(10)
  })

  it('has redirect URIs that lead exactly where they say, and only to an application', () => {
    const pieces = [
      'https',
      'http',
      'com.example.app',
      'javascript',
      'data',
      'HTTPS',
      ':',
      '//',
      '/',
    ]
    const hosts = [
      'a.example',
      '127.0.0.1',
      '[::1]',
      'localhost',
      'A.example',
      'evil.example',
      ':443',
    ]
    const more = [':8080', '@', '#', '?', '*', '%2e', '..', '\\', ' ', '\t', 'cb', 'ü', '.', '']
    const written = fc
      .array(fc.constantFrom(...pieces, ...hosts, ...more), { minLength: 3, maxLength: 8 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(written, uri), fc.boolean(), (uri, native) => {
        if (redirectUriFault(uri, native) !== undefined) return
        const url = new URL(uri)
        expect(uri.includes('#')).to.equal(false)
        expect(url.username + url.password).to.equal('')
        if (/^https?:$/.test(url.protocol)) {
          expect(uri.startsWith(`${url.protocol}//${url.hostname}`)).to.equal(true)
          const isLoopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
          if (url.protocol === 'http:') expect(isLoopback).to.equal(true)
        } else {
          // A reversed domain name, and for native applications alone.
          expect([native, url.protocol.includes('.')]).to.deep.equal([true, true])
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
