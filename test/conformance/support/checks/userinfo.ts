import { expect } from 'chai'
import type { Reply } from '../../../support/http.ts'
import type { Party } from '../party.ts'
import { checkClaimTypes, checkSub } from './claims.ts'

export type UserInfo = Record<string, unknown> & { sub: string }

export async function fetchUserInfo({ op }: Party, accessToken: string): Promise<Reply> {
  const headers = { authorization: `Bearer ${accessToken}`, accept: 'application/json' }
  return await op.newBrowser().get(op.metadata.userinfo_endpoint, { headers })
}

/** OpenID Connect Core §5.3.2. */
export function checkUserInfo(reply: Reply, sub: string | undefined): UserInfo {
  expect(reply.status, reply.body).to.equal(200)
  expect(reply.headers['content-type']).to.match(/^application\/json(;|$)/)
  const claims = reply.json<UserInfo>()
  checkSub(claims.sub)
  if (sub !== undefined) expect(claims.sub, 'sub as in the ID token').to.equal(sub)
  checkClaimTypes(claims)
  return claims
}
