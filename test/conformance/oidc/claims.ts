import { expect } from 'chai'
import { claimsOfScope } from '../support/checks/claims.ts'
import { checkUserInfo, fetchUserInfo } from '../support/checks/userinfo.ts'
import { type Flow, flow } from '../support/flow.ts'
import type { Party } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { OidcStage } from './stage.ts'

/** UserInfo, and which claims come with which scope. */

type OidcModule = Module<OidcStage>

const withScopes =
  (...scopes: string[]): OidcModule =>
  async ({ op, party, notes }) => {
    const supported = op.metadata['scopes_supported'] as string[]
    for (const scope of scopes) {
      if (!supported.includes(scope)) notes.skip(`${scope} is not in scopes_supported`)
    }
    const signedIn = await flow(party, notes, {
      parameters: { scope: ['openid', ...scopes].join(' ') },
    })
    const claims = await claimsAbout(party, signedIn)
    const missing = scopes.flatMap(claimsOfScope).filter((name) => !(name in claims))
    if (missing.length > 0) notes.warn(`missing: ${missing.join(', ')}`)
    if (!scopes.includes('profile') && 'name' in claims) notes.warn('name was not asked for')
  }

/** What the client learns: at UserInfo, or from the ID token where there is nothing else. */
async function claimsAbout(party: Party, { accessToken, claims }: Flow) {
  if (!accessToken) return claims
  return checkUserInfo(await fetchUserInfo(party, accessToken), claims.sub)
}

const userInfo =
  (where: 'get' | 'header' | 'body'): OidcModule =>
  async ({ op, party, notes }) => {
    const { accessToken, claims } = await flow(party, notes)
    if (!accessToken) throw new Error('no access token in this flow')
    const headers = { accept: 'application/json', authorization: `Bearer ${accessToken}` }
    const uri = op.metadata.userinfo_endpoint
    const client = op.newBrowser()
    const reply =
      where === 'get'
        ? await client.get(uri, { headers })
        : where === 'header'
          ? await client.post(uri, {}, { headers })
          : await client.post(uri, { access_token: accessToken })
    checkUserInfo(reply, claims.sub)
  }

const essentialName: OidcModule = async ({ party, notes }) => {
  const inIdToken = party.responseType === 'id_token'
  const claims = JSON.stringify({
    [inIdToken ? 'id_token' : 'userinfo']: { name: { essential: true } },
  })
  const signedIn = await flow(party, notes, { parameters: { scope: 'openid', claims } })
  const about = await claimsAbout(party, signedIn)
  expect(about.sub).to.equal(signedIn.claims.sub)
  if (!('name' in about)) notes.warn('name is not returned')
}

export const CLAIMS: Record<string, OidcModule> = {
  'oidcc-userinfo-get': userInfo('get'),
  'oidcc-userinfo-post-header': userInfo('header'),
  'oidcc-userinfo-post-body': userInfo('body'),
  'oidcc-scope-profile': withScopes('profile'),
  'oidcc-scope-email': withScopes('email'),
  'oidcc-scope-address': withScopes('address'),
  'oidcc-scope-phone': withScopes('phone'),
  'oidcc-scope-all': withScopes('address', 'email', 'phone', 'profile'),
  'oidcc-claims-essential': essentialName,
}
