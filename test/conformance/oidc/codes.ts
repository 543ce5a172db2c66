import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkIdToken } from '../support/checks/id_token.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { fetchUserInfo } from '../support/checks/userinfo.ts'
import { authorize, type Flow, flow } from '../support/flow.ts'
import { letPass } from '../support/moved_time.ts'
import { redeem, refresh } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { OidcStage, OidcTrial } from './stage.ts'

/** Codes are for once, refresh tokens for their own client. */

type OidcModule = Module<OidcStage>

const reuseAfter =
  (seconds: number): OidcModule =>
  async ({ party, notes }) => {
    const { request, answer } = await authorize(party, notes)
    const grant = { code: answer.parameters['code']!, verifier: request.verifier }
    const { access_token } = checkTokens(await redeem(party, grant), 'Bearer', notes)
    letPass(seconds)
    checkMachineError(await redeem(party, grant), ['invalid_grant'], notes)
    const { status } = await fetchUserInfo(party, access_token)
    if (status === 200) notes.warn('the access token of the first use goes on')
    else expect(status).to.equal(401)
  }

/** Core §11: offline_access is a scope and needs prompt=consent. */
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }

const refreshToken: OidcModule = async (trial) => {
  const { op, party, second, notes } = trial
  expect(op.metadata['scopes_supported']).to.include('offline_access')
  expect(op.metadata['grant_types_supported']).to.include('refresh_token')
  await refreshed(trial, await flow(party, notes, { parameters: OFFLINE }))
  const nonce = randomBytes(32).toString('base64url')
  expect(nonce).to.have.length(43)
  const other = await flow(second, notes, { parameters: { ...OFFLINE, nonce } })
  const reply = await refresh(party, other.tokens!.refresh_token!)
  checkMachineError(reply, ['invalid_grant'], notes)
}

/** Core §12.2: what an ID token of a refresh must have in common with the first. */
async function refreshed({ party, notes }: OidcTrial, first: Flow): Promise<void> {
  const token = first.tokens?.refresh_token
  if (!token) return notes.skip('no refresh token was issued')
  const tokens = checkTokens(await refresh(party, token), 'Bearer', notes)
  expect(tokens.access_token).not.to.equal(first.accessToken)
  if (!tokens.id_token) return
  const nonce = first.request.parameters['nonce']
  const claims = await checkIdToken(party, tokens.id_token, { nonce }, notes)
  for (const name of ['iss', 'sub', 'aud', 'auth_time']) {
    expect(claims[name], name).to.deep.equal(first.claims[name])
  }
}

export const CODES: Record<string, OidcModule> = {
  'oidcc-codereuse': reuseAfter(0),
  'oidcc-codereuse-30seconds': reuseAfter(30),
  'oidcc-refresh-token': refreshToken,
}
