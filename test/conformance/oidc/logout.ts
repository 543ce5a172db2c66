import { expect } from 'chai'
import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose'
import { randomToken } from '../../../src/core/secrets.ts'
import type { Browser, Reply } from '../../support/http.ts'
import { answerOf, checkErrorAnswer } from '../support/answer.ts'
import { type Flow, flow } from '../support/flow.ts'
import type { Notes } from '../support/outcome.ts'
import {
  authorizationRequest,
  type Parameters,
  type Party,
  visit,
  withoutUndefined,
} from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import { type Journey, walk } from '../support/stand_in.ts'
import type { OidcStage } from './stage.ts'

/** RP-Initiated Logout: where the browser goes, and whether the person is signed out. */

export const POST_LOGOUT = 'https://suite.example.test/test/a/authcore/post_logout_redirect'

type OidcModule = Module<OidcStage>

/** Sends the browser to the end_session_endpoint, where the person confirms. */
export async function logOut(
  { op }: Party,
  browser: Browser,
  parameters: Parameters,
): Promise<Journey> {
  const query = new URLSearchParams(withoutUndefined(parameters))
  const start = await browser.get(`${op.metadata.end_session_endpoint}?${query}`)
  return await walk({ browser, issuer: op.issuer, conduct: { person: op.alice } }, start)
}

export async function checkSignedOut(party: Party, browser: Browser, notes: Notes): Promise<void> {
  const request = authorizationRequest(party, { prompt: 'none' })
  const answer = answerOf(await visit(party, request.parameters, { browser }))
  checkErrorAnswer(party, request, answer, ['login_required', 'interaction_required'], notes)
}

/** Back at the registered address with the same state, or without one where none was sent. */
export function checkReturned({ leaves }: Journey, state: string | undefined, notes: Notes): void {
  const { uri } = leaves ?? {}
  expect(uri && uri.origin + uri.pathname, 'where the browser went').to.equal(POST_LOGOUT)
  expect(uri!.searchParams.get('state') ?? undefined).to.equal(state)
  const extra = [...uri!.searchParams.keys()].filter((name) => name !== 'state')
  if (extra.length > 0) notes.warn(`parameters that nobody asked for: ${extra.join(', ')}`)
}

const returns =
  (state: string | undefined): OidcModule =>
  async ({ party, notes }) => {
    const { browser, idToken } = await flow(party, notes)
    const journey = await logOut(party, browser, {
      id_token_hint: idToken,
      post_logout_redirect_uri: POST_LOGOUT,
      state,
    })
    checkReturned(journey, state, notes)
    await checkSignedOut(party, browser, notes)
  }

/** Nothing says where to go on: the person is signed out and told so. */
const endsHere =
  (parametersFor: (signedIn: Flow) => Parameters): OidcModule =>
  async ({ party, notes }) => {
    const signedIn = await flow(party, notes)
    const { leaves, last } = await logOut(party, signedIn.browser, parametersFor(signedIn))
    expect(leaves, 'redirected').to.equal(undefined)
    expect(last.status).to.equal(200)
    expect(last.text()).to.match(/signed out/i)
    notes.review('the page after logout')
    await checkSignedOut(party, signedIn.browser, notes)
  }

/** An address or a hint that cannot be trusted: an error or the question, and no redirect at all. */
const goesNowhere =
  (parametersFor: (signedIn: Flow, party: Party) => Promise<Parameters>): OidcModule =>
  async ({ party, notes }) => {
    const signedIn = await flow(party, notes)
    const parameters = {
      state: randomToken(),
      post_logout_redirect_uri: POST_LOGOUT,
      ...(await parametersFor(signedIn, party)),
    }
    const { leaves, last } = await logOut(party, signedIn.browser, parameters)
    expect(leaves, 'redirected').to.equal(undefined)
    expect(isErrorOrQuestion(last), `${last.status}: ${last.text().slice(0, 200)}`).to.equal(true)
    notes.review('an error page, or the page after logout')
  }

function isErrorOrQuestion({ status, body }: Reply): boolean {
  const said = body.includes('id="oauth-error"') && status >= 400 && status < 500
  return said || (status === 200 && /id="(logout-form|continue)"/.test(body))
}

async function signedWithSecret(signedIn: Flow, { credentials }: Party): Promise<string> {
  if (!('secret' in credentials)) throw new Error('this client has no secret')
  return await new SignJWT(decodeJwt(signedIn.idToken))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(credentials.secret))
}

export const LOGOUT: Record<string, OidcModule> = {
  'oidcc-rp-initiated-logout': returns(randomToken(96)),
  'oidcc-rp-initiated-logout-no-state': returns(undefined),
  'oidcc-rp-initiated-logout-no-params': endsHere(() => ({})),
  'oidcc-rp-initiated-logout-no-post-logout-redirect-uri': endsHere(({ idToken }) => ({
    id_token_hint: idToken,
  })),
  'oidcc-rp-initiated-logout-only-state': endsHere(() => ({ state: randomToken() })),
  'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri': goesNowhere(async ({ idToken }) => ({
    id_token_hint: idToken,
    post_logout_redirect_uri: `${POST_LOGOUT}/elsewhere`,
  })),
  'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri': goesNowhere(
    async ({ idToken }) => ({
      id_token_hint: idToken,
      post_logout_redirect_uri: `${POST_LOGOUT}?foo=bar`,
    }),
  ),
  'oidcc-rp-initiated-logout-no-id-token-hint': goesNowhere(async () => ({})),
  'oidcc-rp-initiated-logout-modified-id-token-hint': goesNowhere(async ({ idToken }) => ({
    id_token_hint: new UnsecuredJWT(decodeJwt(idToken)).encode(),
  })),
  'oidcc-rp-initiated-logout-bad-id-token-hint': goesNowhere(async (signedIn, party) => ({
    id_token_hint: await signedWithSecret(signedIn, party),
  })),
}
