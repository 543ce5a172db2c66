import { expect } from 'chai'
import { randomToken } from '../../../src/core/secrets.ts'
import { flow } from '../support/flow.ts'
import type { Party } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { Journey } from '../support/stand_in.ts'
import { checkReturned, checkSignedOut, logOut, POST_LOGOUT } from './logout.ts'
import type { OidcStage } from './stage.ts'

/** Front-Channel Logout §3: what the browser loads while the person is signed out. */

export const FRONTCHANNEL_LOGOUT =
  'https://suite.example.test/test/a/authcore/frontchannel_logout?of=the-suite'

const frontchannel: Module<OidcStage> = async ({ party, notes }) => {
  const { browser, idToken, claims } = await flow(party, notes)
  const state = randomToken()
  const journey = await logOut(party, browser, {
    id_token_hint: idToken,
    post_logout_redirect_uri: POST_LOGOUT,
    state,
  })
  checkFrame(party, journey, claims['sid'])
  checkReturned(journey, state, notes)
  await checkSignedOut(party, browser, notes)
}

/** The registered address with who says so and which session; the page may load it. */
export function checkFrame({ op }: Party, { frames, last }: Journey, sid: unknown): void {
  expect(frames).to.have.length(1)
  const expected = new URL(FRONTCHANNEL_LOGOUT)
  const { origin, pathname, searchParams } = frames[0]!
  expect(origin + pathname).to.equal(expected.origin + expected.pathname)
  expect(Object.fromEntries(searchParams)).to.deep.equal({ of: 'the-suite', iss: op.issuer, sid })
  expect(sid).to.be.a('string')
  expect(last.headers['content-security-policy']).to.match(
    new RegExp(`frame-src [^;]*${expected.origin}`),
  )
}

export const FRONTCHANNEL: Record<string, Module<OidcStage>> = {
  'oidcc-frontchannel-rp-initiated-logout': frontchannel,
}
