import { randomToken } from '../../../src/core/secrets.ts'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import { createClient } from '../../../src/domain/clients/create_client.ts'
import { type SigningParty, signingParty } from '../../protocol/driver.ts'
import { API, addApi } from '../../support/authcore.ts'
import { CALLBACK, SECOND_CALLBACK } from '../oidc/stage.ts'
import { type Op, startOp } from '../support/op.ts'
import type { Notes } from '../support/outcome.ts'
import type { Party } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { FapiVariant } from './modules.ts'
import { type Resource, standInApi, userInfoResource } from './resource.ts'

/** What the modules of FAPI 2.0 have: two clients with keys of their own, and what they protect. */
export type FapiStage = {
  op: Op
  variant: FapiVariant
  party: FapiParty
  second: FapiParty
  /** Where access tokens are used. */
  resource: Resource
}

export type FapiTrial = FapiStage & { notes: Notes }
export type FapiModule = Module<FapiStage>

/** A client whose tokens are bound and whose requests are pushed. */
export type FapiParty = Party & {
  /** Signs its assertions and request objects. */
  key: SigningParty
  openid: boolean
  /** Its requests are signed objects (RFC 9101), and the responses to it JWTs (JARM). */
  signs: boolean
  /** Sent with every request besides what the variant says: the API of plain OAuth. */
  always: Record<string, string>
}

export async function startFapi(
  variant: FapiVariant,
  plan: 'SP' | 'MS' = 'SP',
): Promise<FapiStage & { stop(): Promise<void> }> {
  const mutualTls = variant.auth === 'mtls' || variant.constrain === 'mtls'
  const op = await startOp({ mutualTls })
  await addApi(op.server)
  // One of each algorithm that FAPI 2.0 §5.4.1 allows and our keys can be of.
  const party = await register(op, variant, plan, 'PS256', CALLBACK)
  const second = await register(op, variant, plan, 'ES256', SECOND_CALLBACK)
  const isOpenId = variant.openid === 'openid_connect'
  const resource = isOpenId ? userInfoResource(party) : await standInApi(op)
  return { op, variant, party, second, resource, stop: () => stop(op, resource) }
}

async function stop(op: Op, resource: Resource): Promise<void> {
  resource.stop()
  await op.stop()
}

async function register(
  op: Op,
  { auth, constrain, openid }: FapiVariant,
  plan: 'SP' | 'MS',
  alg: 'PS256' | 'ES256',
  redirectUri: string,
): Promise<FapiParty> {
  const name = `FAPI client ${alg}`
  const key = await signingParty(alg)
  const certificate = op.mutualTls?.issue({ subject: [['CN', name]] })
  const metadata: ClientMetadataInput = {
    redirect_uris: [redirectUri],
    ...(auth === 'mtls' ? byCertificate(name) : byAssertion(key, alg)),
    ...(plan === 'MS' ? signedMessages(alg) : {}),
    dpop_bound_access_tokens: constrain === 'dpop',
    tls_client_certificate_bound_access_tokens: constrain === 'mtls',
  }
  const { client } = await createClient(op.server.parts, { name, preset: 'fapi2', metadata })
  const isOpenId = openid === 'openid_connect'
  return {
    op,
    clientId: client.clientId,
    credentials: auth === 'mtls' ? { method: 'tls_client_auth' } : { method: auth, key },
    key,
    certificate,
    dpop: constrain === 'dpop' ? await signingParty('ES256') : undefined,
    redirectUri,
    responseType: 'code',
    responseMode: plan === 'MS' ? 'jwt' : undefined,
    signs: plan === 'MS',
    scope: isOpenId ? 'openid email offline_access' : 'read offline_access',
    openid: isOpenId,
    always: isOpenId ? {} : { resource: API },
    pkce: true,
    idTokenAlg: client.metadata.id_token_signed_response_alg,
  }
}

function byAssertion(key: SigningParty, alg: 'PS256' | 'ES256'): ClientMetadataInput {
  const kid = `${alg}-${randomToken().slice(0, 8)}`
  return {
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [{ ...key.jwk, alg, use: 'sig', kid }] },
  }
}

/** Message Signing §5.3 and §5.4. */
function signedMessages(alg: 'PS256' | 'ES256'): ClientMetadataInput {
  return {
    require_signed_request_object: true,
    request_object_signing_alg: alg,
    authorization_signed_response_alg: 'ES256',
  }
}

function byCertificate(name: string): ClientMetadataInput {
  return {
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: `CN=${name}`,
  }
}
