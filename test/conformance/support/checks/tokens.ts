import { expect } from 'chai'
import type { Reply } from '../../../support/http.ts'
import type { Notes } from '../outcome.ts'
import { checkEntropy } from './entropy.ts'

export type Tokens = {
  access_token: string
  token_type: string
  expires_in?: number
  id_token?: string
  refresh_token?: string
  scope?: string
}

/** A token response: 200, JSON, never stored, tokens that nobody can guess. */
export function checkTokens(reply: Reply, tokenType: 'Bearer' | 'DPoP', notes: Notes): Tokens {
  expect(reply.status, reply.body).to.equal(200)
  expect(reply.headers['content-type']).to.match(/^application\/json(;|$)/)
  expect(reply.headers['cache-control']).to.match(/no-store/)
  const tokens = reply.json<Tokens>()
  expect(tokens).not.to.have.property('error')
  expect(tokens.token_type.toLowerCase()).to.equal(tokenType.toLowerCase())
  checkToken('access_token', tokens.access_token)
  if (tokens.refresh_token !== undefined) checkToken('refresh_token', tokens.refresh_token)
  if (tokens.expires_in === undefined) notes.warn('no expires_in')
  else
    expect(tokens.expires_in)
      .to.be.a('number')
      .within(1, 366 * 86_400)
  return tokens
}

/** RFC 6750 §2.1 (b64token), and 128 bits or more. */
function checkToken(name: string, token: string): void {
  expect(token, name).to.match(/^[A-Za-z0-9\-._~+/]+=*$/)
  checkEntropy(name, token, 128)
}
