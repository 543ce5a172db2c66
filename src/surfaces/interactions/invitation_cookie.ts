import type { Context } from 'koa'
import { type Invitation, openInvitation } from '../../domain/accounts/invitation.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * The invitation that this browser came with, from the page of its link to the sign-up. It is looked
 * at anew by each page: it may end at any time.
 */

const COOKIE = 'authcore_invitation'
/** Long enough for the way through an application to its sign-in. */
const MAX_AGE_MS = 3_600_000
const OPTIONS = {
  path: '/interaction',
  sameSite: 'lax',
  httpOnly: true,
  signed: false,
  overwrite: true,
} as const

export function keepInvitation(ctx: Context, token: string): void {
  ctx.cookies.set(COOKIE, token, { ...OPTIONS, maxAge: MAX_AGE_MS })
}

export function forgetInvitation(ctx: Context): void {
  ctx.cookies.set(COOKIE, null, OPTIONS)
}

/** Whether it brought one, which may be over. */
export function hasInvitation(ctx: Context): boolean {
  return ctx.cookies.get(COOKIE, { signed: false }) !== undefined
}

/** The one that it brought, where it still stands; one that does not is forgotten. */
export async function invitationOf(
  deps: InteractionDeps,
  ctx: Context,
): Promise<Invitation | undefined> {
  const token = ctx.cookies.get(COOKIE, { signed: false })
  if (token === undefined) return undefined
  const invitation = await openInvitation(deps, token.slice(0, 100))
  if (!invitation) forgetInvitation(ctx)
  return invitation
}
