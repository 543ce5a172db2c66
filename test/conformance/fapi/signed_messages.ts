import { expect } from 'chai'
import { createLocalJWKSet, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { ProofChanges } from '../../protocol/driver.ts'
import { type Answer, answerOf, checkErrorAnswer, checkErrorPage } from '../support/answer.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import type { Notes } from '../support/outcome.ts'
import type { AuthorizationRequest } from '../support/party.ts'
import type { Journey } from '../support/stand_in.ts'
import type { FapiParty } from './stage.ts'

/** Requests as signed objects (RFC 9101), and responses as JWTs (JARM). */

/** As FAPI 2.0 Message Signing §5.3.2 has it; `changes` replace what it says, undefined takes out. */
export async function requestObject(
  { clientId, op, key }: FapiParty,
  { parameters }: AuthorizationRequest,
  { header, claims, key: signsWith = key.privateKey }: ProofChanges = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const payload = {
    iss: clientId,
    aud: op.issuer,
    nbf: now,
    exp: now + 300,
    ...parameters,
    ...claims,
  }
  const kept = Object.entries(payload).filter(([, value]) => value !== undefined)
  return await new SignJWT(Object.fromEntries(kept) as JWTPayload)
    .setProtectedHeader({ alg: key.alg, typ: 'oauth-authz-req+jwt', ...header })
    .sign(signsWith)
}

/** What came to the client, out of its JWT where it is in one. */
export async function openedAnswer(
  party: FapiParty,
  journey: Journey,
  notes: Notes,
): Promise<Answer> {
  const answer = answerOf(journey)
  const { response } = answer.parameters
  if (!party.signs || response === undefined) return answer
  const own = [...new URL(party.redirectUri).searchParams.keys()]
  expect(Object.keys(answer.parameters)).to.have.members(['response', ...own])
  const { aud: _aud, exp: _exp, iat: _iat, ...said } = await verified(party, response, notes)
  return { ...answer, parameters: said as Record<string, string> }
}

/** JARM §4.4 */
async function verified(party: FapiParty, response: string, notes: Notes): Promise<JWTPayload> {
  const { payload, protectedHeader } = await jwtVerify(
    response,
    createLocalJWKSet(await fetchJwks(party.op)),
    {
      issuer: party.op.issuer,
      audience: party.clientId,
      algorithms: ['PS256', 'ES256', 'EdDSA'],
      requiredClaims: ['exp'],
      currentDate: new Date(Date.now()),
    },
  )
  expect(protectedHeader.kid, 'kid').to.be.a('string')
  // JARM §2.1: a lifetime of at most ten minutes is recommended.
  if (payload.exp! > Date.now() / 1000 + 600) notes.warn('the response lives for too long')
  return payload
}

/** An error that the client is told, in a JWT or not, or a page that a human looks at. */
export async function checkRefused(
  party: FapiParty,
  request: AuthorizationRequest,
  journey: Journey,
  allowed: readonly string[],
  notes: Notes,
): Promise<void> {
  if (!journey.leaves) checkErrorPage(journey.last, notes)
  else {
    checkErrorAnswer(party, request, await openedAnswer(party, journey, notes), allowed, notes)
  }
}
