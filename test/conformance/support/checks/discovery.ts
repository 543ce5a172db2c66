import { expect } from 'chai'
import type { Metadata } from '../op.ts'
import type { Notes } from '../outcome.ts'

/** The discovery document, as OpenID Connect Discovery 1.0 §3 and RFC 8414 §2 describe it. */

const STRINGS = /(_endpoint|_uri|_documentation|^issuer)$/
const LISTS = /(_supported)$/
const BOOLEANS = new Set([
  'claims_parameter_supported',
  'request_parameter_supported',
  'request_uri_parameter_supported',
  'require_request_uri_registration',
  'require_signed_request_object',
  'require_pushed_authorization_requests',
  'authorization_response_iss_parameter_supported',
  'tls_client_certificate_bound_access_tokens',
  'frontchannel_logout_supported',
  'frontchannel_logout_session_supported',
  'backchannel_logout_supported',
  'backchannel_logout_session_supported',
  'backchannel_user_code_parameter_supported',
  'client_id_metadata_document_supported',
])
const OBJECTS = new Set(['mtls_endpoint_aliases'])

/** Each member is of the type that its specification gives it; unknown members are warned about. */
export function checkMetadataShape(metadata: Metadata, notes: Notes): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (BOOLEANS.has(name)) expect(value, name).to.be.a('boolean')
    else if (OBJECTS.has(name)) expect(value, name).to.be.an('object')
    else if (STRINGS.test(name)) expect(value, name).to.be.a('string')
    else if (LISTS.test(name)) checkList(name, value)
    else notes.warn(`${name} is not a member that is known`)
  }
}

function checkList(name: string, value: unknown): void {
  expect(value, name).to.be.an('array').that.is.not.empty
  for (const entry of value as unknown[]) expect(entry, name).to.be.a('string').that.is.not.empty
  expect(new Set(value as string[]).size, `${name} repeats itself`).to.equal((value as []).length)
}

export function checkEndpointsAreHttps(metadata: Metadata): void {
  const endpoints = Object.entries(metadata).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name))
  for (const [name, uri] of endpoints) expect(uri, name).to.match(/^https:\/\//)
}

/** Discovery §4.3: the issuer is where the document was found. */
export function checkIssuer(metadata: Metadata, issuer: string): void {
  expect(metadata.issuer).to.equal(issuer)
  const { protocol, search, hash } = new URL(metadata.issuer)
  expect([protocol, search, hash]).to.deep.equal(['https:', '', ''])
}

const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export function checkScopes(metadata: Metadata, notes: Notes): void {
  const scopes = metadata['scopes_supported'] as string[] | undefined
  if (!scopes) notes.warn('no scopes_supported')
  for (const scope of scopes ?? []) expect(scope).to.match(SCOPE_TOKEN)
  if (scopes) expect(scopes).to.include('openid')
}

export function checkLocales(metadata: Metadata, notes: Notes): void {
  for (const name of ['ui_locales_supported', 'claims_locales_supported']) {
    for (const tag of (metadata[name] ?? []) as string[]) {
      const [canonical] = Intl.getCanonicalLocales(tag)
      if (canonical !== tag) notes.warn(`${tag} is written ${canonical}`)
    }
  }
}
