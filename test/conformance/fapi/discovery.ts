import { expect } from 'chai'
import {
  checkEndpointsAreHttps,
  checkIssuer,
  checkLocales,
  checkMetadataShape,
} from '../support/checks/discovery.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import type { FapiModule } from './stage.ts'

/** What FAPI 2.0 §5.3.2 wants to be advertised. What else is offered, other clients may use. */

const ALGS = ['PS256', 'ES256', 'EdDSA', 'Ed25519']

const verification: FapiModule = async ({ op, variant, notes }) => {
  const { metadata } = op
  checkIssuer(metadata, op.issuer)
  checkMetadataShape(metadata, notes)
  checkEndpointsAreHttps(metadata)
  checkLocales(metadata, notes)
  await fetchJwks(op)
  expect(metadata.pushed_authorization_request_endpoint).to.be.a('string')
  expect(metadata['response_types_supported']).to.include('code')
  expect(metadata['authorization_response_iss_parameter_supported']).to.equal(true)
  expect(metadata['code_challenge_methods_supported']).to.include('S256')
  expect(metadata['grant_types_supported']).to.include('authorization_code')
  expect(metadata['token_endpoint_auth_methods_supported']).to.include(methodOf(variant.auth))
  for (const name of [
    'id_token_signing_alg_values_supported',
    'token_endpoint_auth_signing_alg_values_supported',
    ...(variant.constrain === 'dpop' ? ['dpop_signing_alg_values_supported'] : []),
  ]) {
    expect(metadata[name], name).to.be.an('array')
    expect(metadata[name], name).to.include.oneOf(ALGS)
  }
  if (variant.constrain === 'mtls') {
    expect(metadata['tls_client_certificate_bound_access_tokens']).to.equal(true)
  }
}

const methodOf = (auth: string) => (auth === 'mtls' ? 'tls_client_auth' : auth)

export const FAPI_DISCOVERY: Record<string, FapiModule> = {
  'discovery-end-point-verification': verification,
}
