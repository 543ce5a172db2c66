import { expect } from 'chai'
import { UnsecuredJWT } from 'jose'
import type { ProofChanges } from '../../protocol/driver.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { machinePost } from '../support/party.ts'
import { rs256 } from './assertions.ts'
import { checkRefusedSomewhere, fapiRequest, flow, pushed } from './flow.ts'
import { requestObject } from './signed_messages.ts'
import type { FapiModule, FapiTrial } from './stage.ts'

/** Signed request objects (FAPI 2.0 Message Signing §5.3): what must be in them, and what not. */

const REFUSED = ['invalid_request_object', 'invalid_request']

type Changes = (trial: FapiTrial, now: number) => ProofChanges | Promise<ProofChanges>

const accepted =
  (changes: Changes): FapiModule =>
  async (trial) => {
    const object = await changes(trial, Math.floor(Date.now() / 1000))
    await flow(trial, trial.party, { atPar: { object } })
  }

const refused =
  (changes: Changes): FapiModule =>
  async (trial) => {
    const object = await changes(trial, Math.floor(Date.now() / 1000))
    await checkRefusedSomewhere(trial, fapiRequest(trial.party), REFUSED, { object })
  }

/** Refused whatever stands in the form instead of the object. */
async function refusedForm(
  { op, party, notes }: FapiTrial,
  fields: Record<string, string>,
): Promise<void> {
  const uri = op.metadata.pushed_authorization_request_endpoint
  checkMachineError(await machinePost(party, uri, fields), REFUSED, notes)
}

const unsigned: FapiModule = async (trial) => {
  const { party, op } = trial
  const { parameters } = fapiRequest(party)
  const object = new UnsecuredJWT(parameters)
    .setIssuer(party.clientId)
    .setAudience(op.issuer)
    .setNotBefore('0s')
    .setExpirationTime('5m')
  await refusedForm(trial, { request: object.encode() })
}

const badSignature: FapiModule = async (trial) => {
  const object = await requestObject(trial.party, fapiRequest(trial.party))
  const [header, body, signature = ''] = object.split('.')
  const other = Buffer.from(signature, 'base64url').map((byte) => byte ^ 0x5a)
  const request = [header, body, Buffer.from(other).toString('base64url')].join('.')
  expect(request).not.to.equal(object)
  await refusedForm(trial, { request })
}

const plain: FapiModule = async (trial) =>
  await refusedForm(trial, fapiRequest(trial.party).parameters)

const nameInside: FapiModule = async (trial) => {
  const { request_uri } = await pushed(trial.party)
  const object = { claims: { request_uri } }
  await checkRefusedSomewhere(trial, fapiRequest(trial.party), REFUSED, { object })
}

export const REQUEST_OBJECTS: Record<string, FapiModule> = {
  'ensure-request-object-with-multiple-aud-succeeds': accepted(({ op }) => ({
    claims: { aud: [op.issuer, 'https://other.example.test'] },
  })),
  'ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted': accepted((_, now) => ({
    claims: { nbf: now + 8, exp: now + 300 },
  })),
  'ensure-request-object-without-exp-fails': refused(() => ({ claims: { exp: undefined } })),
  'ensure-request-object-without-nbf-fails': refused(() => ({ claims: { nbf: undefined } })),
  'ensure-expired-request-object-fails': refused((_, now) => ({
    claims: { nbf: now - 600, exp: now - 300 },
  })),
  'ensure-request-object-with-bad-aud-fails': refused(() => ({
    claims: { aud: 'https://other.example.test' },
  })),
  'ensure-request-object-with-exp-over-60-fails': refused((_, now) => ({
    claims: { exp: now + 70 * 60 },
  })),
  'ensure-request-object-with-nbf-over-60-fails': refused((_, now) => ({
    claims: { nbf: now - 70 * 60 },
  })),
  'ensure-signed-request-object-with-RS256-fails': refused(rs256),
  'ensure-request-object-signature-algorithm-is-not-none': unsigned,
  'ensure-request-object-with-invalid-signature-fails': badSignature,
  'ensure-matching-key-in-authorization-request': refused(({ second }) => ({
    header: { alg: second.key.alg },
    key: second.key.privateKey,
  })),
  'ensure-unsigned-request-at-par-endpoint-fails': plain,
  'par-authorization-request-containing-request_uri': nameInside,
}
