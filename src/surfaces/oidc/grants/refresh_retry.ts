import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { Context } from 'koa'
import { decrypt, encrypt } from '../../../core/aead.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Codec } from '../adapters/codec.ts'
import type { OidcRecord } from '../adapters/record.ts'
import { currentUnitOfWork } from '../adapters/unit_of_work.ts'

/**
 * The grace for an honest client that did not get our answer to a rotation and asks again
 * (docs/decisions/0004). The used refresh token keeps its successor, sealed under a key made from
 * its own value: nobody who cannot present the old token can read the new one. For a short time the
 * same successor is given out again, as long as it was not used itself; there are never two live
 * refresh tokens. Public clients without a bound key get no grace, because their token is all that
 * tells them from a thief; a retry of theirs within the window is refused without revoking anything.
 */

/** Seals the successor's value under the value of the token it replaces. */
export function sealSuccessor(presented: string, successor: string): Buffer {
  return encrypt(keyFrom(presented), successor)
}

export function openSuccessor(presented: string, sealed: Buffer): string {
  return decrypt(keyFrom(presented), sealed).toString('utf8')
}

function keyFrom(presented: string): KeyObject {
  const bytes = hkdfSync('sha256', presented, '', 'authcore:refresh_successor', 32)
  return createSecretKey(Buffer.from(bytes))
}

export type RetryVerdict =
  /** Not a retry: the engine decides, and revokes the chain where the token was used before. */
  | { kind: 'proceed' }
  /** An honest retry: answer with this successor, which is still unused. */
  | { kind: 'repeat'; successor: string }
  /** Too soon to call it theft, no right to a second answer: refuse, revoke nothing. */
  | { kind: 'refuse' }

export type RetryDeps = { codec: Codec; clock: Clock; windowS: number }

/** Looks at a presented refresh token before the engine does. Costs no statement of its own. */
export async function judgeRefresh(deps: RetryDeps, ctx: Context): Promise<RetryVerdict> {
  const unit = currentUnitOfWork()
  const presented: unknown = ctx.oidc.params?.refresh_token
  if (!unit || typeof presented !== 'string') return { kind: 'proceed' }
  const find = (token: string) =>
    unit.find({ model: 'RefreshToken', idHash: deps.codec.idHash(token) })
  const used = await find(presented)
  if (!used || !isWithinWindow(deps, used) || !belongsTo(ctx, used)) return { kind: 'proceed' }
  if (!used.successor) return { kind: 'refuse' }
  const successor = openSuccessor(presented, used.successor)
  const next = await find(successor)
  if (!next || next.consumedAt) return { kind: 'proceed' }
  return { kind: 'repeat', successor }
}

function isWithinWindow({ clock, windowS }: RetryDeps, record: OidcRecord): boolean {
  if (!record.consumedAt) return false
  return clock.now().getTime() - record.consumedAt.getTime() <= windowS * 1000
}

function belongsTo(ctx: Context, record: OidcRecord): boolean {
  return record.clientId === ctx.oidc.client?.clientId
}

/** Whether this request may be given the same answer twice: an authenticated client, or a bound key. */
export function mayRepeat(ctx: Context): boolean {
  const { client, entities } = ctx.oidc
  const used = entities.RotatedRefreshToken
  return client?.clientAuthMethod !== 'none' || Boolean(used?.jkt ?? used?.['x5t#S256'])
}
