import { expect } from 'chai'
import { DomainError } from '../../../src/core/errors.ts'
import { assertCertificatesTaken } from '../../../src/domain/clients/mutual_tls_rules.ts'
import { parseClientMetadata } from '../../../src/domain/clients/parse_client_metadata.ts'
import { issueCertificate } from '../../support/certificates.ts'

const SERVICE = { grant_types: ['client_credentials'], response_types: [] }
const CA_SIGNED = { token_endpoint_auth_method: 'tls_client_auth' }
const SELF_SIGNED = { token_endpoint_auth_method: 'self_signed_tls_client_auth' }

function faultOf(metadata: object, preset: 'service' | 'legacy' | 'web' = 'service') {
  try {
    parseClientMetadata({ ...SERVICE, ...metadata }, preset)
  } catch (error) {
    if (error instanceof DomainError) return error.message
    throw error
  }
  return undefined
}

describe('client metadata of mutual TLS (RFC 8705)', () => {
  const one = issueCertificate()
  const jwk = { ...one.publicKey.export({ format: 'jwk' }), x5c: [one.der] }

  it('names one subject for tls_client_auth', () => {
    expect(faultOf({ ...CA_SIGNED, tls_client_auth_subject_dn: 'CN=shop' })).to.equal(undefined)
    expect(faultOf(CA_SIGNED)).to.match(/^tls_client_auth_subject_dn or a tls_client_auth_san/)
    const both = { tls_client_auth_subject_dn: 'CN=shop', tls_client_auth_san_dns: 'a.test' }
    expect(faultOf({ ...CA_SIGNED, ...both })).to.match(/^tls_client_auth_san_dns must not stand/)
    expect(faultOf({ tls_client_auth_san_dns: 'a.test' })).to.match(/with tls_client_auth only/)
  })

  const READABLE: [string, string, string][] = [
    ['tls_client_auth_subject_dn', 'CN=shop,O=Example', 'shop'],
    ['tls_client_auth_san_dns', 'shop.example.test', 'https://shop.example.test'],
    ['tls_client_auth_san_uri', 'spiffe://example.test/shop', 'shop'],
    ['tls_client_auth_san_ip', '2001:db8::1', 'localhost'],
    ['tls_client_auth_san_email', 'shop@example.test', 'shop'],
  ]
  for (const [member, good, bad] of READABLE) {
    it(`reads ${member} when it is written`, () => {
      expect(faultOf({ ...CA_SIGNED, [member]: good })).to.equal(undefined)
      expect(faultOf({ ...CA_SIGNED, [member]: bad })).to.match(new RegExp(`^${member} must be`))
    })
  }

  it('has the certificates of self_signed_tls_client_auth', () => {
    const { x5c: _, ...bare } = jwk
    expect(faultOf({ ...SELF_SIGNED, jwks: { keys: [jwk] } })).to.equal(undefined)
    expect(faultOf({ ...SELF_SIGNED, jwks: { keys: [bare, jwk] } })).to.equal(undefined)
    expect(faultOf({ ...SELF_SIGNED, jwks_uri: 'https://rp.test/jwks' })).to.equal(undefined)
    expect(faultOf(SELF_SIGNED)).to.match(/^jwks or jwks_uri must be given/)
    expect(faultOf({ ...SELF_SIGNED, jwks: { keys: [bare] } })).to.match(/certificate in x5c/)
  })

  it('has certificates of the keys that they stand with', () => {
    const wrong = [[issueCertificate().der], [], ['AAAA'], 'text', [one.cert]]
    for (const x5c of wrong) {
      const fault = faultOf({ ...SELF_SIGNED, jwks: { keys: [jwk, { ...jwk, x5c }] } })
      expect(fault, JSON.stringify(x5c)).to.match(/^jwks\.keys\.1\.x5c must begin with/)
    }
  })

  it('binds tokens to one key, and none that the front channel hands out', () => {
    const bound = { tls_client_certificate_bound_access_tokens: true }
    expect(faultOf(bound)).to.equal(undefined)
    expect(faultOf({ ...bound, dpop_bound_access_tokens: true })).to.match(/must not stand beside/)
    const implicit = {
      grant_types: ['implicit'],
      response_types: ['id_token token'],
      redirect_uris: ['https://rp.test/cb'],
    }
    expect(faultOf({ ...bound, ...implicit }, 'legacy')).to.match(/response_types with token/)
  })

  it('is refused before it is written where nothing takes certificates', () => {
    const depending = [CA_SIGNED, SELF_SIGNED, { tls_client_certificate_bound_access_tokens: true }]
    for (const metadata of depending) {
      expect(() => assertCertificatesTaken(metadata, { mutualTls: 'off' }))
        .to.throw(DomainError)
        .with.property('code', 'forbidden')
      expect(() => assertCertificatesTaken(metadata, { mutualTls: 'proxy' })).not.to.throw()
    }
    expect(() => assertCertificatesTaken(SERVICE, { mutualTls: 'off' })).not.to.throw()
  })
})
