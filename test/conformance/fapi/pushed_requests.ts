import { expect } from 'chai'
import { checkSuccess } from '../support/answer.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { letPass } from '../support/moved_time.ts'
import { checkPushed, fapiRequest, flow, push, pushed, visitPushed } from './flow.ts'
import { checkRefused, openedAnswer } from './signed_messages.ts'
import type { FapiModule } from './stage.ts'

/** The PAR endpoint (RFC 9126), and the names that it hands out. */

/** Two visits with the same name, the person signing in on the second only. */
const visitedTwice: FapiModule = async ({ op, party, notes }) => {
  const browser = op.newBrowser()
  const { request, request_uri } = await pushed(party)
  await visitPushed(party, request_uri, { browser, stopsAt: 'login-form' })
  const journey = await visitPushed(party, request_uri, { browser })
  if (!journey.leaves) notes.warn(`the second visit ends at: ${journey.last.text().slice(0, 200)}`)
  else checkSuccess(party, request, await openedAnswer(party, journey, notes), notes)
}

const USED = ['invalid_request_uri', 'invalid_request']

const usedAgain: FapiModule = async ({ party, notes }) => {
  const { request, request_uri } = await pushed(party)
  const first = await openedAnswer(party, await visitPushed(party, request_uri), notes)
  checkSuccess(party, request, first, notes)
  await checkRefused(party, request, await visitPushed(party, request_uri), USED, notes)
}

const expired: FapiModule = async ({ party, notes }) => {
  const { request, request_uri, expires_in } = await pushed(party)
  letPass(expires_in + 5)
  await checkRefused(party, request, await visitPushed(party, request_uri), USED, notes)
}

const ofAnother: FapiModule = async ({ party, second, notes }) => {
  const { request, request_uri } = await pushed(party)
  const errors = [...USED, 'invalid_client', 'unauthorized_client']
  await checkRefused(second, request, await visitPushed(second, request_uri), errors, notes)
}

const nameInside: FapiModule = async ({ party, notes }) => {
  const { request_uri } = await pushed(party)
  const reply = await push(party, fapiRequest(party), { form: { request_uri } })
  const errors = ['invalid_request', 'invalid_request_object', 'request_uri_not_supported']
  checkMachineError(reply, errors, notes)
}

const otherMethod: FapiModule = async ({ op, party }) => {
  const uri = op.metadata.pushed_authorization_request_endpoint
  const { parameters } = fapiRequest(party)
  for (const method of ['GET', 'PUT']) {
    const query = new URLSearchParams(parameters)
    const reply = await op.newBrowser().request(method, `${uri}?${query}`)
    expect(reply.status, method).to.be.within(400, 499)
  }
}

const nothingTwice: FapiModule = async (trial) => {
  const { party } = trial
  const reply = await push(party, fapiRequest(party))
  expect(Object.keys(checkPushed(reply))).to.have.members(['request_uri', 'expires_in'])
  // The flow's address has client_id and request_uri, and nothing else.
  await flow(trial, party)
}

export const PUSHED_REQUESTS: Record<string, FapiModule> = {
  'par-ensure-reused-request-uri-prior-to-auth-completion-succeeds': visitedTwice,
  'par-attempt-reuse-request_uri': usedAgain,
  'par-attempt-to-use-expired-request_uri': expired,
  'par-attempt-to-use-request_uri-for-different-client': ofAnother,
  'par-authorization-request-containing-request_uri-form-param': nameInside,
  'par-attempt-invalid-http-method': otherMethod,
  'par-without-duplicate-parameters': nothingTwice,
}
