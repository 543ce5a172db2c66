import type { KeyObject } from 'node:crypto'
import type { Context } from 'koa'
import { DomainError } from '../core/errors.ts'
import { equalsInConstantTime, hmacSha256 } from '../core/secrets.ts'

/**
 * Two proofs that a form was sent from our own page: a token that only the server can make and that
 * is bound to what the browser holds, and what the browser itself says about where it comes from.
 */

/** @param bindings what the token is good for: an interaction's id and the browser's cookie value */
export function issueCsrf(key: KeyObject, bindings: readonly string[]): string {
  return hmacSha256(key, 'csrf', ...bindings).toString('base64url')
}

/** @throws DomainError `forbidden` where the token is missing or was issued for something else */
export function checkCsrf(
  key: KeyObject,
  bindings: readonly string[],
  token: string | undefined,
): void {
  if (token === undefined || !equalsInConstantTime(token, issueCsrf(key, bindings))) {
    throw new DomainError('forbidden', 'This form has expired. Go back and try again.', {
      debug: 'csrf token missing or not of this form',
    })
  }
}

/**
 * Refuses a request that its browser calls foreign. Programs and old browsers that send neither
 * header pass; the token is what they are held to.
 *
 * @throws DomainError `forbidden`
 */
export function assertSameOrigin(ctx: Context, issuer: string): void {
  const origin = ctx.get('Origin')
  const site = ctx.get('Sec-Fetch-Site').toLowerCase()
  if ((origin !== '' && origin !== issuer) || site === 'cross-site') {
    throw new DomainError('forbidden', 'This request came from another site.', {
      debug: `origin ${JSON.stringify(origin.slice(0, 200))}, site ${JSON.stringify(site.slice(0, 20))}`,
    })
  }
}
