import { type CryptoKey, exportJWK, importJWK } from 'jose'
import type { ProofChanges } from '../../protocol/driver.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { authorize, fapiRequest, flow, push, redeemAt } from './flow.ts'
import type { FapiModule, FapiTrial } from './stage.ts'

/** Client assertions (RFC 7523): who may be their audience, how long they live, how they are signed. */

const NO_CLIENT = ['invalid_client', 'invalid_request', 'invalid_grant']

type Changes = (trial: FapiTrial, now: number) => ProofChanges | Promise<ProofChanges>

const refusedAtToken =
  (changes: Changes): FapiModule =>
  async (trial) => {
    const { party, notes } = trial
    const authorized = await authorize(party, notes)
    const assertion = await changes(trial, Math.floor(Date.now() / 1000))
    const reply = await redeemAt(party, authorized, { assertion })
    checkMachineError(reply, NO_CLIENT, notes)
  }

const refusedAtPar =
  (changes: Changes): FapiModule =>
  async (trial) => {
    const { party, notes } = trial
    const assertion = await changes(trial, Math.floor(Date.now() / 1000))
    const reply = await push(party, fapiRequest(party), { assertion })
    checkMachineError(reply, ['invalid_client', 'invalid_request'], notes)
  }

const noAssertion: FapiModule = async ({ party, notes }) => {
  const authorized = await authorize(party, notes)
  const reply = await redeemAt(party, authorized, { credentials: undefined })
  checkMachineError(reply, ['invalid_client', 'invalid_request'], notes)
}

/** Clocks differ: what begins in eight seconds begins now. */
const aLittleEarly: FapiModule = async (trial) => {
  const soon = Math.floor(Date.now() / 1000) + 8
  const assertion = { claims: { iat: soon, nbf: soon } }
  await flow(trial, trial.party, { atPar: { assertion } })
}

/** The client's own RSA key, with the older padding. */
export const rs256: Changes = async ({ party }) => {
  const jwk = await exportJWK(party.key.privateKey)
  const key = (await importJWK({ ...jwk, alg: 'RS256' }, 'RS256')) as CryptoKey
  return { header: { alg: 'RS256' }, key }
}

export const ASSERTIONS: Record<string, FapiModule> = {
  'ensure-signed-client-assertion-with-RS256-fails': refusedAtToken(rs256),
  'ensure-client-assertion-in-token-endpoint': noAssertion,
  'ensure-client-assertion-with-exp-is-5-minutes-in-past-fails': refusedAtToken((_, now) => ({
    claims: { iat: now - 360, exp: now - 300 },
  })),
  'ensure-client-assertion-with-wrong-aud-fails': refusedAtToken(() => ({
    claims: { aud: 'https://elsewhere.example.test' },
  })),
  'ensure-client-assertion-with-no-sub-fails': refusedAtToken(() => ({
    claims: { sub: undefined },
  })),
  'par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted': aLittleEarly,
  'par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails': refusedAtPar(
    (_, now) => ({ claims: { iat: now + 70, nbf: now + 70, exp: now + 130 } }),
  ),
  'par-test-array-as-audience-fails': refusedAtPar(({ op }) => ({ claims: { aud: [op.issuer] } })),
  'par-test-par-endpoint-url-as-audience-fails': refusedAtPar(({ op }) => ({
    claims: { aud: op.metadata.pushed_authorization_request_endpoint },
  })),
  'par-test-token-endpoint-url-as-audience-fails': refusedAtPar(({ op }) => ({
    claims: { aud: op.metadata.token_endpoint },
  })),
}
