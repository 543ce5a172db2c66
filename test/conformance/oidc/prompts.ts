import { expect } from 'chai'
import { answerOf, checkErrorAnswer } from '../support/answer.ts'
import { type Flow, flow } from '../support/flow.ts'
import { letPass } from '../support/moved_time.ts'
import { authorizationRequest, type Parameters, visit } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { OidcStage, OidcTrial } from './stage.ts'

/** When a person is asked again, and when not: prompt, max_age, id_token_hint. */

type OidcModule = Module<OidcStage>

/** Core §3.1.2.6 */
const NEEDS_A_PERSON = [
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]

const authTime = ({ claims }: Flow) => claims['auth_time'] as number | undefined

/** The second request is answered without any page, for the same person and sign-in. */
async function staysSignedIn(
  { party, notes }: OidcTrial,
  first: Flow,
  parameters: Parameters,
): Promise<Flow> {
  const second = await flow(party, notes, { browser: first.browser, parameters })
  expect(second.journey.seen, 'pages').to.deep.equal([])
  expect(second.claims.sub).to.equal(first.claims.sub)
  expect(authTime(second), 'auth_time').to.equal(authTime(first))
  return second
}

/** The second request shows the login page again, and says that this sign-in is a later one. */
async function signsInAgain(
  { party, notes }: OidcTrial,
  first: Flow,
  parameters: Parameters,
): Promise<Flow> {
  const second = await flow(party, notes, { browser: first.browser, parameters })
  expect(second.journey.seen).to.include('login-form')
  expect(second.claims.sub).to.equal(first.claims.sub)
  const [before, after] = [authTime(first), authTime(second)]
  if (before !== undefined && after !== undefined) expect(after).to.be.above(before)
  notes.review('the second login page')
  return second
}

const promptLogin: OidcModule = async (trial) => {
  const first = await flow(trial.party, trial.notes)
  letPass(2)
  await signsInAgain(trial, first, { prompt: 'login' })
}

const promptNoneSignedOut: OidcModule = async ({ party, notes }) => {
  const request = authorizationRequest(party, { prompt: 'none' })
  const answer = answerOf(await visit(party, request.parameters))
  checkErrorAnswer(party, request, answer, NEEDS_A_PERSON, notes)
}

const promptNoneSignedIn: OidcModule = async (trial) => {
  await staysSignedIn(trial, await flow(trial.party, trial.notes), { prompt: 'none' })
}

const maxAge1: OidcModule = async (trial) => {
  const first = await flow(trial.party, trial.notes)
  letPass(2)
  const second = await signsInAgain(trial, first, { max_age: '1' })
  expect(authTime(second), 'auth_time').to.be.within(Date.now() / 1000 - 60, Date.now() / 1000 + 5)
}

const maxAge10000: OidcModule = async (trial) => {
  const first = await flow(trial.party, trial.notes, { parameters: { max_age: '15000' } })
  expect(authTime(first), 'auth_time').to.be.a('number')
  letPass(2)
  await staysSignedIn(trial, first, { max_age: '10000' })
}

const idTokenHint: OidcModule = async (trial) => {
  const first = await flow(trial.party, trial.notes)
  await staysSignedIn(trial, first, { prompt: 'none', id_token_hint: first.idToken })
}

export const PROMPTS: Record<string, OidcModule> = {
  'oidcc-prompt-login': promptLogin,
  'oidcc-prompt-none-not-logged-in': promptNoneSignedOut,
  'oidcc-prompt-none-logged-in': promptNoneSignedIn,
  'oidcc-max-age-1': maxAge1,
  'oidcc-max-age-10000': maxAge10000,
  'oidcc-id-token-hint': idTokenHint,
}
