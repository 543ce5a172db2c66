import { expect } from 'chai'
import {
  type CryptoKey,
  compactDecrypt,
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import { type SigningParty, signingParty } from '../../protocol/driver.ts'
import { answerOf, checkSuccess } from '../support/answer.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { fetchUserInfo } from '../support/checks/userinfo.ts'
import { authorize, flow } from '../support/flow.ts'
import {
  type AuthorizationRequest,
  authorizationRequest,
  machinePost,
  type Party,
  redeem,
  visit,
} from '../support/party.ts'
import { type Exercise, type Member, STRICT, type Stage } from './exercise.ts'

/** Requests and responses that are signed or encrypted as a whole: JAR, JARM, JWE. */

/** RFC 9101: everything is in the object; outside is what OpenID Connect Core §6.1 wants there. */
async function objectOf(
  party: Party,
  key: SigningParty,
  { parameters }: AuthorizationRequest,
): Promise<string> {
  return await new SignJWT(parameters)
    .setProtectedHeader({ alg: key.alg })
    .setIssuer(party.clientId)
    .setAudience(party.op.issuer)
    .setExpirationTime(Math.floor(Date.now() / 1000) + 60)
    .sign(key.privateKey)
}

async function goesBy(
  party: Party,
  request: AuthorizationRequest,
  how: { request: string } | { request_uri: string },
): Promise<void> {
  const { client_id, response_type, scope } = request.parameters
  const outside = { client_id: client_id!, response_type: response_type!, scope: scope!, ...how }
  checkSuccess(party, request, answerOf(await visit(party, outside)), STRICT)
}

async function signing(stage: Stage, alg: string, metadata: object = {}) {
  const key = await signingParty(alg)
  const jwks = { keys: [{ ...key.jwk, alg, use: 'sig' }] }
  const all = { jwks, request_object_signing_alg: alg, ...metadata }
  const party = await stage.register(all as ClientMetadataInput)
  return { key, party, request: authorizationRequest(party) }
}

const byValue: Exercise = async (alg, stage) => {
  const { key, party, request } = await signing(stage, alg)
  await goesBy(party, request, { request: await objectOf(party, key, request) })
}

const REFUSALS = ['request_not_supported', 'invalid_request_object', 'invalid_request']

const requestAlgs: Member = {
  works: byValue,
  others: ['none'],
  async refused(_, { party, op }) {
    const request = authorizationRequest(party)
    const object = new UnsecuredJWT(request.parameters)
      .setIssuer(party.clientId)
      .setAudience(op.issuer)
      .setExpirationTime('1m')
    const { leaves, last } = await visit(party, { ...request.parameters, request: object.encode() })
    if (leaves) expect(leaves.uri.searchParams.get('error')).to.be.oneOf(REFUSALS)
    else expect(last.status).to.be.within(400, 499)
  },
}

export const requestByValue: Exercise = async (_, stage) => await byValue('ES256', stage)

export const requestByReference: Exercise = async (_, stage) => {
  const request_uri = stage.host.publish('/request.jwt', 'not yet')
  const { key, party, request } = await signing(stage, 'RS256', { request_uris: [request_uri] })
  stage.host.publish('/request.jwt', await objectOf(party, key, request))
  await goesBy(party, request, { request_uri })
}

/** JARM: the ways of the response, all with one parameter. */
const WAYS: Record<string, string> = {
  jwt: 'query',
  'query.jwt': 'query',
  'fragment.jwt': 'fragment',
  'form_post.jwt': 'form_post',
}

/** The response as it arrives: signed, and perhaps encrypted besides. */
async function sealedResponse(party: Party, response_mode: string): Promise<string> {
  const { parameters } = authorizationRequest(party, { response_mode })
  const answer = answerOf(await visit(party, parameters))
  expect(answer.delivery).to.equal(WAYS[response_mode])
  expect(Object.keys(answer.parameters)).to.deep.equal(['response'])
  return answer.parameters['response']!
}

async function checkSigned(party: Party, jwt: string): Promise<void> {
  const keys = createLocalJWKSet(await fetchJwks(party.op))
  const currentDate = new Date(Date.now())
  const expected = { issuer: party.op.issuer, audience: party.clientId, currentDate }
  const { payload } = await jwtVerify(jwt, keys, expected)
  expect(payload).to.include.all.keys('code', 'state')
}

export const jwtResponse: Exercise = async (mode, { party }) =>
  await checkSigned(party, await sealedResponse(party, mode))

const responseAlgs: Member = {
  async works(alg, { register }) {
    const metadata = { authorization_signed_response_alg: alg } as ClientMetadataInput
    const party = await register(metadata)
    const response = await sealedResponse(party, 'jwt')
    expect(decodeProtectedHeader(response).alg).to.equal(alg)
    await checkSigned(party, response)
  },
}

/** How each of the things that can be encrypted is got hold of. */
const OBTAIN: Record<string, (party: Party, stage: Stage) => Promise<string>> = {
  async id_token(party) {
    return (await tokensOf(party)).id_token!
  },
  async userinfo(party) {
    return (await fetchUserInfo(party, (await tokensOf(party)).access_token)).body
  },
  async authorization(party) {
    return await sealedResponse(party, 'jwt')
  },
  async introspection(party, { op, party: other }) {
    const { accessToken } = await flow(other, STRICT)
    const uri = String(op.metadata['introspection_endpoint'])
    const headers = { accept: 'application/token-introspection+jwt' }
    return (await machinePost(party, uri, { token: accessToken! }, { headers })).body
  },
}

async function tokensOf(party: Party) {
  const { request, answer } = await authorize(party, STRICT)
  const grant = { code: answer.parameters['code']!, verifier: request.verifier }
  return checkTokens(await redeem(party, grant), 'Bearer', STRICT)
}

async function encryptedFor(stage: Stage, what: string, alg: string, enc: string): Promise<void> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), use: 'enc', kid: 'enc' }
  const own = what === 'introspection' ? { introspection: 'any' } : {}
  const metadata = {
    jwks: { keys: [jwk] },
    [`${what}_encrypted_response_alg`]: alg,
    [`${what}_encrypted_response_enc`]: enc,
    ...(what === 'id_token' ? {} : { [`${what}_signed_response_alg`]: 'ES256' }),
    ...own,
  }
  const kind = what === 'introspection' ? 'service' : 'web'
  const party = await stage.register(metadata as ClientMetadataInput, kind)
  const jwe = await OBTAIN[what]!(party, stage)
  expect(decodeProtectedHeader(jwe)).to.include({ alg, enc })
  const { plaintext } = await compactDecrypt(jwe, privateKey as CryptoKey)
  // Signed within (Core §10.2): the three parts of a JWS.
  expect(Buffer.from(plaintext).toString().split('.')).to.have.length(3)
}

const encryption = (what: string): Record<string, Member> => ({
  [`${what}_encryption_alg_values_supported`]: {
    works: (alg, stage) => encryptedFor(stage, what, alg, 'A256GCM'),
  },
  [`${what}_encryption_enc_values_supported`]: {
    works: (enc, stage) => encryptedFor(stage, what, 'ECDH-ES', enc),
  },
})

export const SEALED: Readonly<Record<string, Member>> = {
  request_object_signing_alg_values_supported: requestAlgs,
  authorization_signing_alg_values_supported: responseAlgs,
  ...encryption('id_token'),
  ...encryption('userinfo'),
  ...encryption('authorization'),
  ...encryption('introspection'),
}
