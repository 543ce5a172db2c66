import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import { decodeProtectedHeader } from 'jose'
import { DomainError } from '../../../src/core/errors.ts'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import { clientAssertion, signingParty } from '../../protocol/driver.ts'
import { issueCertificate } from '../../support/certificates.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { fetchUserInfo } from '../support/checks/userinfo.ts'
import { authorize, flow } from '../support/flow.ts'
import { machinePost, type Party, redeem, tokenRequest } from '../support/party.ts'
import { type Exercise, type Member, oneOf, STRICT, type Stage } from './exercise.ts'

/** Who clients are, and with what is signed. */

/** A client whose assertions have this algorithm. */
async function asserting({ register }: Stage, alg: string): Promise<Party> {
  const key = await signingParty(alg)
  const party = await register({
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [{ ...key.jwk, alg, use: 'sig', kid: 'of the client' }] },
  } as ClientMetadataInput)
  return { ...party, credentials: { method: 'private_key_jwt', key } }
}

const withMethod =
  (token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post'): Exercise =>
  async (_, { register }) => {
    await flow(await register({ token_endpoint_auth_method }), STRICT)
  }

/** A client that is known by the subject of its certificate. */
export async function certified(
  { op, register }: Stage,
  metadata: ClientMetadataInput = {},
): Promise<Party> {
  const certificate = op.mutualTls!.issue({ subject: [['CN', 'of the suite']] })
  const party = await register({
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: 'CN=of the suite',
    ...metadata,
  })
  return { ...party, credentials: { method: 'tls_client_auth' }, certificate }
}

const selfSigned: Exercise = async (token_endpoint_auth_method, { register }) => {
  const certificate = issueCertificate()
  const { publicKey, der } = certificate
  const jwk = { ...publicKey.export({ format: 'jwk' }), x5c: [der] }
  const metadata = { token_endpoint_auth_method, jwks: { keys: [jwk] } } as ClientMetadataInput
  const credentials = { method: 'self_signed_tls_client_auth' } as const
  await flow({ ...(await register(metadata)), credentials, certificate }, STRICT)
}

const authMethods: Member = {
  works: oneOf('token_endpoint_auth_methods_supported', {
    client_secret_basic: withMethod('client_secret_basic'),
    client_secret_post: withMethod('client_secret_post'),
    private_key_jwt: async (_, stage) => void (await flow(await asserting(stage, 'ES256'), STRICT)),
    tls_client_auth: async (_, stage) => void (await flow(await certified(stage), STRICT)),
    self_signed_tls_client_auth: selfSigned,
    none: async (_, { register }) => void (await flow(await register({}, 'spa'), STRICT)),
  }),
  others: [
    'client_secret_jwt',
    'tls_client_auth',
    'self_signed_tls_client_auth',
    'attest_jwt_client_auth',
    'made_up',
  ],
  async refused(method, stage) {
    const metadata = { token_endpoint_auth_method: method } as ClientMetadataInput
    const party = await registeredOrRefused(stage, metadata)
    if (!party) return
    // Registered ahead of a server that offers it: it cannot be used.
    const fields = { grant_type: 'authorization_code', code: 'x', redirect_uri: party.redirectUri }
    const reply = await tokenRequest(party, fields, { credentials: undefined })
    checkMachineError(reply, ['invalid_client', 'invalid_client_metadata'], STRICT)
  },
}

/** Undefined where the client is refused for what it wants, and for no other reason. */
async function registeredOrRefused(
  { register }: Stage,
  metadata: ClientMetadataInput,
): Promise<Party | undefined> {
  try {
    return await register(metadata)
  } catch (error) {
    expect(error).to.be.instanceOf(DomainError)
    expect((error as DomainError).code).to.equal('invalid_input')
    return undefined
  }
}

async function cannotRegister(stage: Stage, metadata: object): Promise<void> {
  const party = await registeredOrRefused(stage, metadata as ClientMetadataInput)
  expect(party, 'registered').to.equal(undefined)
}

const assertionAlgs: Member = {
  async works(alg, stage) {
    await flow(await asserting(stage, alg), STRICT)
  },
  others: ['none', 'HS256', 'HS384', 'HS512', 'ES256K', 'RS1'],
  async refused(alg, stage) {
    const party = await asserting(stage, 'ES256')
    const { request, answer } = await authorize(party, STRICT)
    const grant = { code: answer.parameters['code']!, verifier: request.verifier }
    const forged = await forgedAssertion(party, alg)
    const deviation = { credentials: { method: 'none' } as const }
    const reply = await redeem(party, { ...grant, ...forged }, deviation)
    checkMachineError(reply, ['invalid_client'], STRICT)
  },
}

/** Everything right but the algorithm; HMAC with the public key, which everybody can know. */
async function forgedAssertion(party: Party, alg: string): Promise<Record<string, string>> {
  if (party.credentials.method !== 'private_key_jwt') throw new Error('signs nothing')
  const { key } = party.credentials
  const fields = await clientAssertion(party.op.server, party.clientId, key)
  const [, body] = fields['client_assertion']!.split('.')
  const header = Buffer.from(JSON.stringify({ alg })).toString('base64url')
  const signature = /^HS(\d+)$/.test(alg)
    ? createHmac(`sha${alg.slice(2)}`, JSON.stringify(key.jwk))
        .update(`${header}.${body}`)
        .digest('base64url')
    : ''
  return { ...fields, client_assertion: `${header}.${body}.${signature}` }
}

const UNSIGNED_OR_SHARED = ['none', 'HS256', 'HS384', 'HS512', 'made_up']
const OTHER_ALGS = [...UNSIGNED_OR_SHARED, 'ES384', 'ES512', 'PS256', 'PS384', 'RS384', 'ES256K']

const idTokenAlgs: Member = {
  async works(alg, { register }) {
    const party = await register({ id_token_signed_response_alg: alg } as ClientMetadataInput)
    const { idToken } = await flow(party, STRICT)
    expect(decodeProtectedHeader(idToken).alg).to.equal(alg)
  },
  others: OTHER_ALGS,
  refused: (alg, stage) => cannotRegister(stage, { id_token_signed_response_alg: alg }),
}

const userinfoAlgs: Member = {
  async works(alg, { register }) {
    const metadata = { userinfo_signed_response_alg: alg } as ClientMetadataInput
    const party = await register(metadata)
    const { request, answer } = await authorize(party, STRICT)
    const grant = { code: answer.parameters['code']!, verifier: request.verifier }
    const { access_token } = checkTokens(await redeem(party, grant), 'Bearer', STRICT)
    const reply = await fetchUserInfo(party, access_token)
    expect(reply.status, reply.body).to.equal(200)
    expect(reply.headers['content-type']).to.match(/^application\/jwt/)
    expect(decodeProtectedHeader(reply.body).alg).to.equal(alg)
  },
  others: OTHER_ALGS,
  refused: (alg, stage) => cannotRegister(stage, { userinfo_signed_response_alg: alg }),
}

const introspectionAlgs: Member = {
  async works(alg, { op, party, register }) {
    const { accessToken } = await flow(party, STRICT)
    const metadata = { introspection: 'any', introspection_signed_response_alg: alg } as const
    const guard = await register(metadata as ClientMetadataInput, 'service')
    const uri = String(op.metadata['introspection_endpoint'])
    const headers = { accept: 'application/token-introspection+jwt' }
    const reply = await machinePost(guard, uri, { token: accessToken! }, { headers })
    expect(reply.headers['content-type']).to.match(/^application\/token-introspection\+jwt/)
    expect(decodeProtectedHeader(reply.body).alg).to.equal(alg)
  },
  others: OTHER_ALGS,
  refused: (alg, stage) => cannotRegister(stage, { introspection_signed_response_alg: alg }),
}

const dpopAlgs: Member = {
  async works(alg, { register }) {
    const party = await register({ dpop_bound_access_tokens: true })
    const bound = { ...party, dpop: await signingParty(alg) }
    const { request, answer } = await authorize(bound, STRICT)
    const grant = { code: answer.parameters['code']!, verifier: request.verifier }
    checkTokens(await redeem(bound, grant), 'DPoP', STRICT)
  },
  others: ['ES384', 'ES512', 'PS384', 'PS512', 'RS384', 'RS512'],
  async refused(alg, { party }) {
    const { request, answer } = await authorize(party, STRICT)
    const grant = { code: answer.parameters['code']!, verifier: request.verifier }
    const reply = await redeem(party, grant, { dpop: await signingParty(alg) })
    checkMachineError(reply, ['invalid_dpop_proof'], STRICT)
  },
}

const subjectTypes: Member = {
  works: oneOf('subject_types_supported', {
    async public(_, { party, second }) {
      const [one, other] = [await flow(party, STRICT), await flow(second, STRICT)]
      expect(one.claims.sub).to.equal(other.claims.sub)
    },
    async pairwise(_, { op, register }) {
      const here = await register({ subject_type: 'pairwise' } as unknown as ClientMetadataInput)
      const redirect_uris = ['https://elsewhere.example.test/callback']
      const there = await register({
        subject_type: 'pairwise',
        redirect_uris,
      } as unknown as ClientMetadataInput)
      const [one, other] = [await flow(here, STRICT), await flow(there, STRICT)]
      expect(new Set([one.claims.sub, other.claims.sub, op.alice.id])).to.have.property('size', 3)
    },
  }),
  others: ['pairwise', 'made_up'],
  refused: (type, stage) => cannotRegister(stage, { subject_type: type }),
}

export const CLIENTS: Readonly<Record<string, Member>> = {
  token_endpoint_auth_methods_supported: authMethods,
  token_endpoint_auth_signing_alg_values_supported: assertionAlgs,
  id_token_signing_alg_values_supported: idTokenAlgs,
  userinfo_signing_alg_values_supported: userinfoAlgs,
  introspection_signing_alg_values_supported: introspectionAlgs,
  dpop_signing_alg_values_supported: dpopAlgs,
  subject_types_supported: subjectTypes,
}
