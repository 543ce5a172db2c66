import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import {
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from '../../../src/domain/clients/client_metadata.ts'
import { parseClientMetadata } from '../../../src/domain/clients/parse_client_metadata.ts'

const API = 'https://api.example'
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwks = { keys: [publicKey.export({ format: 'jwk' })] }
const IDP = { issuer: 'https://idp.example', subject: 'email', jwks }

const EXCHANGE = {
  grant_types: [TOKEN_EXCHANGE_GRANT],
  response_types: [],
  resource_scopes: { [API]: ['read'] },
}
const BEARER = { grant_types: [JWT_BEARER_GRANT], response_types: [] }

const parse = (metadata: unknown) => parseClientMetadata(metadata, 'service')

describe('Client metadata for tokens of others', () => {
  it('need no policy for the exchange: without one, the least holds', () => {
    expect(parse(EXCHANGE)).not.to.have.property('token_exchange')
    expect(parse({ ...EXCHANGE, token_exchange: {} }).token_exchange).to.deep.equal({
      modes: ['delegation'],
      subject_clients: 'own',
    })
  })

  it('take a policy that says more', () => {
    const token_exchange = {
      modes: ['impersonation'],
      subject_clients: ['shop', 'desk'],
      audiences: [API],
    }
    expect(parse({ ...EXCHANGE, token_exchange }).token_exchange).to.deep.equal(token_exchange)
  })

  it('take issuers with their keys, or the address of them', () => {
    const { jwks: _, ...bare } = IDP
    for (const issuer of [
      IDP,
      { ...bare, jwks_uri: 'https://idp.example/jwks' },
      { ...IDP, issuer: 'kubernetes/serviceaccount', subject: 'username', algs: ['RS256'] },
    ]) {
      const { assertion_issuers } = parse({ ...BEARER, assertion_issuers: [issuer] })
      expect(assertion_issuers).to.deep.equal([issuer])
    }
  })

  const issuers = (...assertion_issuers: unknown[]) => ({ ...BEARER, assertion_issuers })
  const policy = (token_exchange: unknown) => ({ ...EXCHANGE, token_exchange })
  const REFUSED: [string, unknown, RegExp][] = [
    ['a policy without the grant', { ...BEARER, token_exchange: {} }, /token_exchange/],
    ['a policy without a mode', policy({ modes: [] }), /modes must hold a mode/],
    ['a mode that there is not', policy({ modes: ['magic'] }), /modes/],
    ['a policy with a word that is none of ours', policy({ anything: true }), /token_exchange/],
    ['other clients than own, any or named', policy({ subject_clients: 'all' }), /subject_clients/],
    [
      'an audience that is not assigned',
      policy({ audiences: ['https://x.test'] }),
      /resource_scopes/,
    ],
    ['an audience named like an object', policy({ audiences: ['constructor'] }), /resource_scopes/],
    ['the bearer grant without issuers', BEARER, /assertion_issuers/],
    ['the bearer grant with no issuer', issuers(), /assertion_issuers/],
    ['issuers without the grant', { ...EXCHANGE, assertion_issuers: [IDP] }, /assertion_issuers/],
    ['an issuer twice', issuers(IDP, { ...IDP, subject: 'username' }), /twice/],
    ['an issuer without keys', issuers({ ...IDP, jwks: undefined }), /either jwks or jwks_uri/],
    ['keys in two places', issuers({ ...IDP, jwks_uri: 'https://idp.example/k' }), /either jwks/],
    [
      'keys over plain http',
      issuers({ ...IDP, jwks: undefined, jwks_uri: 'http://a.test/k' }),
      /https/,
    ],
    [
      'a shared secret',
      issuers({ ...IDP, jwks: { keys: [{ kty: 'oct', k: 'AA' }] } }),
      /asymmetric/,
    ],
    ['an algorithm with a shared secret', issuers({ ...IDP, algs: ['HS256'] }), /algs/],
    ['no algorithm', issuers({ ...IDP, algs: [] }), /algs must hold one/],
    ['a subject that we cannot find', issuers({ ...IDP, subject: 'phone' }), /subject/],
    [
      'either grant for a client that keeps no secret',
      { ...EXCHANGE, token_endpoint_auth_method: 'none' },
      /token_endpoint_auth_method/,
    ],
  ]
  for (const [title, metadata, sentence] of REFUSED) {
    it(`refuse ${title}`, () => {
      expect(() => parse(metadata)).to.throw(sentence)
    })
  }

  it('are not for browser applications', () => {
    const metadata = { ...EXCHANGE, redirect_uris: ['https://app.example/cb'] }
    expect(() => parseClientMetadata(metadata, 'spa')).to.throw(/grant_types|token_endpoint/)
  })
})
