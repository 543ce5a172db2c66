import { expect } from 'chai'
import { randomToken } from '../../../src/core/secrets.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { letPass } from '../support/moved_time.ts'
import { redeem, refresh } from '../support/party.ts'
import { anonymous, authorize, checkUsed, flow, redeemAt, tokenTypeOf, unbound } from './flow.ts'
import { useToken } from './resource.ts'
import type { FapiModule, FapiTrial } from './stage.ts'

/** Codes and refresh tokens: once, in time, by their own client, with its verifier and its key. */

const UNBOUND = ['invalid_request', 'invalid_grant', 'invalid_dpop_proof', 'invalid_client']

const withoutProof: FapiModule = async ({ party, notes }) => {
  const authorized = await authorize(party, notes)
  checkMachineError(await redeemAt(party, authorized, unbound(party)), UNBOUND, notes)
}

/** As the second client, with what the first one signs; and with the first one's whole assertion. */
const foreignClientId: FapiModule = async ({ party, second, notes }) => {
  const { request, answer } = await authorize(party, notes)
  const fields = { code: answer.parameters['code']!, verifier: request.verifier }
  const { credentials, redirectUri, clientId } = party
  const pretender = { ...second, redirectUri }
  const certificate = party.certificate
  const signed = await redeem(pretender, fields, { credentials, certificate })
  checkMachineError(signed, ['invalid_client', 'invalid_grant'], notes)
  if (credentials.method !== 'private_key_jwt') return
  const assertion = { claims: { iss: clientId, sub: clientId } }
  const beside = await redeem(pretender, fields, { credentials, certificate, assertion })
  checkMachineError(beside, ['invalid_client', 'invalid_grant', 'invalid_request'], notes)
}

const codeOfAnother: FapiModule = async ({ party, second, notes }) => {
  const authorized = await authorize(party, notes)
  const reply = await redeemAt(second, authorized)
  checkMachineError(reply, ['invalid_grant'], notes)
}

const reused: FapiModule = async (trial) => {
  const { party, resource, notes } = trial
  const granted = await flow(trial, party)
  letPass(1)
  checkMachineError(await redeemAt(party, granted), ['invalid_grant'], notes)
  const { status } = await useToken(resource, party, granted.tokens.access_token)
  if (status === 200) notes.warn('the access token of the first use goes on')
  else expect(status).to.equal(401)
}

const tooLate: FapiModule = async ({ party, notes }) => {
  const authorized = await authorize(party, notes)
  letPass(62)
  checkMachineError(await redeemAt(party, authorized), ['invalid_grant'], notes)
}

const withVerifier =
  (verifier: () => string | undefined): FapiModule =>
  async ({ party, notes }) => {
    const { request, answer } = await authorize(party, notes)
    const fields = { code: answer.parameters['code']!, verifier: request.verifier }
    const reply = await redeem(party, { ...fields, code_verifier: verifier() })
    checkMachineError(reply, ['invalid_grant'], notes)
  }

const refreshToken: FapiModule = async (trial) => {
  const { party, second, resource, notes } = trial
  const { tokens } = await flow(trial, party, { parameters: { prompt: 'consent' } })
  const token = tokens.refresh_token
  if (!token) return notes.skip('no refresh token was issued')
  await refusesOthers(trial, token)
  const next = checkTokens(await refresh(party, token), tokenTypeOf(party), notes)
  checkUsed(await useToken(resource, party, next.access_token))
  const other = await flow(trial, second, { parameters: { prompt: 'consent' } })
  const withItsKey = second.dpop ? { dpop: second.dpop } : {}
  const reply = await refresh(party, other.tokens.refresh_token!, withItsKey)
  checkMachineError(reply, ['invalid_grant'], notes)
}

/** FAPI 2.0 §5.3.2.1: a refresh token is bound to the client's authentication; access to its key. */
async function refusesOthers({ party, notes }: FapiTrial, token: string): Promise<void> {
  const nobody = await refresh(party, token, anonymous(party))
  checkMachineError(nobody, ['invalid_client', 'invalid_request'], notes)
  checkMachineError(await refresh(party, token, unbound(party)), UNBOUND, notes)
}

export const TOKENS: Record<string, FapiModule> = {
  'ensure-holder-of-key-required': withoutProof,
  'ensure-client-id-in-token-endpoint': foreignClientId,
  'ensure-authorization-code-is-bound-to-client': codeOfAnother,
  'attempt-reuse-authorization-code-after-one-second': reused,
  'ensure-token-endpoint-fails-with-expired-auth-code': tooLate,
  'ensure-pkce-code-verifier-required': withVerifier(() => undefined),
  'incorrect-pkce-code-verifier-rejected': withVerifier(() => randomToken()),
  'refresh-token': refreshToken,
}
