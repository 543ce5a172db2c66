import { expect } from 'chai'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { randomToken } from '../../../src/core/secrets.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import { flow } from '../support/flow.ts'
import type { Party } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { SuiteHost } from '../support/suite_host.ts'
import { checkReturned, checkSignedOut, logOut, POST_LOGOUT } from './logout.ts'
import type { OidcStage } from './stage.ts'

/** Back-Channel Logout §2.4 to §2.6: what arrives at the client when the person logs out. */

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

const backchannel: Module<OidcStage & { host: SuiteHost }> = async (trial) => {
  const { party, host, notes } = trial
  const { browser, idToken, claims } = await flow(party, notes)
  expect(claims['sid'], 'sid').to.be.a('string')
  const state = randomToken()
  const journey = await logOut(party, browser, {
    id_token_hint: idToken,
    post_logout_redirect_uri: POST_LOGOUT,
    state,
  })
  const arrived = await host.next()
  expect(arrived.headers['content-type']).to.match(/^application\/x-www-form-urlencoded/)
  const body = new URLSearchParams(arrived.body)
  expect([...body.keys()]).to.deep.equal(['logout_token'])
  await checkLogoutToken(party, body.get('logout_token')!, claims)
  checkReturned(journey, state, notes)
  await checkSignedOut(party, browser, notes)
}

export async function checkLogoutToken(
  party: Party,
  token: string,
  signedIn: Record<string, unknown>,
): Promise<void> {
  const keys = createLocalJWKSet(await fetchJwks(party.op))
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    issuer: party.op.issuer,
    audience: party.clientId,
    algorithms: [party.idTokenAlg],
    requiredClaims: ['iat', 'jti', 'exp'],
    currentDate: new Date(Date.now()),
  })
  expect(protectedHeader.kid).to.be.a('string')
  expect(payload['events']).to.deep.equal({ [LOGOUT_EVENT]: {} })
  expect(payload['iat']).to.be.within(Date.now() / 1000 - 300, Date.now() / 1000 + 300)
  expect(payload).not.to.have.property('nonce')
  expect(payload.sub).to.equal(signedIn.sub)
  // Absent where the client does not ask for it.
  expect(payload['sid'], 'sid').to.equal(signedIn['sid'])
}

export const BACKCHANNEL: Record<string, typeof backchannel> = {
  'oidcc-backchannel-rp-initiated-logout': backchannel,
}
