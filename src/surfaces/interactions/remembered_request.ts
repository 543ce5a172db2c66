import type { Context } from 'koa'
import { z } from 'zod'
import type { Interaction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * What this browser was last asked to sign in for, sealed in a cookie of its own that outlives the
 * interaction: a page that has expired, or was finished in another tab, can then offer to start
 * again and knows the way back.
 */

const COOKIE = 'authcore_request'
const MAX_AGE_MS = 86_400_000
/** Beyond this a cookie may not be kept; the person is then led back to the client instead. */
const MAX_LENGTH = 2_500
const PLACE = 'cookie:request'

const remembered = z.object({
  uid: z.string(),
  clientId: z.string(),
  uri: z.string().startsWith('/').optional(),
})

export type RememberedRequest = z.output<typeof remembered>

export function rememberRequest(
  deps: InteractionDeps,
  ctx: Context,
  { uid, client, details }: Interaction,
): void {
  const uri = restartUri(details.params, details.returnTo)
  const content = JSON.stringify({ uid, clientId: client.clientId, uri })
  ctx.cookies.set(COOKIE, deps.keyring.seal(content, PLACE).toString('base64url'), {
    path: '/interaction',
    maxAge: MAX_AGE_MS,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
    overwrite: true,
  })
}

/** The last request of this browser, or undefined where it is unknown or was tampered with. */
export function rememberedRequest(
  deps: InteractionDeps,
  ctx: Context,
): RememberedRequest | undefined {
  const cookie = ctx.cookies.get(COOKIE)
  if (!cookie) return undefined
  try {
    const content = deps.keyring.open(Buffer.from(cookie, 'base64url'), PLACE).toString('utf8')
    return remembered.parse(JSON.parse(content))
  } catch {
    return undefined
  }
}

function restartUri(params: Record<string, unknown>, returnTo: string): string | undefined {
  if (new URL(returnTo).pathname.startsWith('/device/')) return '/device'
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    const values = Array.isArray(value) ? value : [value]
    for (const each of values)
      if (typeof each === 'string' || typeof each === 'number') query.append(name, String(each))
  }
  const uri = `/authorize?${query}`
  return uri.length <= MAX_LENGTH ? uri : undefined
}
