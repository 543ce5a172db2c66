import type { Context } from 'koa'
import { z } from 'zod'
import type { InteractionDeps } from './mount.ts'

/**
 * Who is signing in, between the page that asks it and the one that asks for the password: sealed in
 * a cookie that comes with this interaction only. Nothing of it stands in an address, where histories
 * and logs would keep it, and nobody is looked up for it.
 */

const COOKIE = 'authcore_identifier'
/** Longer than an interaction lasts by default; without it the first page is shown again. */
const MAX_AGE_MS = 3_600_000

const chosen = z.object({ login: z.string(), remember: z.boolean() })
export type ChosenIdentifier = z.output<typeof chosen>

type Deps = Pick<InteractionDeps, 'keyring'>

export function keepIdentifier(
  { keyring }: Deps,
  ctx: Context,
  uid: string,
  identifier: ChosenIdentifier,
): void {
  const sealed = keyring.seal(JSON.stringify(identifier), placeOf(uid)).toString('base64url')
  ctx.cookies.set(COOKIE, sealed, {
    path: `/interaction/${uid}`,
    maxAge: MAX_AGE_MS,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
  })
}

/** Undefined where nobody was chosen in this interaction, or the cookie is not one of ours. */
export function keptIdentifier(
  { keyring }: Deps,
  ctx: Context,
  uid: string,
): ChosenIdentifier | undefined {
  const cookie = ctx.cookies.get(COOKIE, { signed: false })
  if (!cookie) return undefined
  try {
    const content = keyring.open(Buffer.from(cookie, 'base64url'), placeOf(uid)).toString('utf8')
    return chosen.parse(JSON.parse(content))
  } catch {
    return undefined
  }
}

function placeOf(uid: string): string {
  return `cookie:identifier:${uid}`
}
