import type { Context } from 'koa'
import { z } from 'zod'
import type { Keyring } from '../platform/keys/keyring.ts'
import type { RestartLocals } from '../platform/templating/views.ts'
import { type Client, clientWithWayBack } from './client_view.ts'

/**
 * What a browser was asked to sign in for, sealed in a cookie that outlives the interaction and comes
 * with its addresses only: a page that has expired, or was finished in another tab, can then offer to
 * start again and knows the way back.
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
  /** When the interaction ends by itself, in seconds since the epoch. */
  exp: z.number(),
})

export type RememberedRequest = z.output<typeof remembered>

type Deps = { keyring: Keyring }

/** @param paths whatever comes back below one of these is told of the request */
export function rememberRequest(
  { keyring }: Deps,
  ctx: Context,
  request: RememberedRequest,
  paths: readonly string[],
): void {
  const { uri } = request
  const kept = uri && uri.length > MAX_LENGTH ? { ...request, uri: undefined } : request
  const sealed = keyring.seal(JSON.stringify(kept), PLACE).toString('base64url')
  for (const path of paths) {
    ctx.cookies.set(COOKIE, sealed, {
      path,
      maxAge: MAX_AGE_MS,
      sameSite: 'lax',
      httpOnly: true,
      signed: false,
    })
  }
}

/** The request of this address, or undefined where it is unknown or was tampered with. */
export function rememberedRequest(
  { keyring }: Deps,
  ctx: Context,
  uid: string,
): RememberedRequest | undefined {
  const cookie = ctx.cookies.get(COOKIE)
  if (!cookie) return undefined
  try {
    const content = keyring.open(Buffer.from(cookie, 'base64url'), PLACE).toString('utf8')
    const request = remembered.parse(JSON.parse(content))
    return request.uid === uid ? request : undefined
  } catch {
    return undefined
  }
}

/** Why there is nothing to go on with, as far as the browser's cookies tell. */
export function reasonOfLoss(
  ctx: Context,
  request: RememberedRequest | undefined,
  nowS: number,
): RestartLocals['reason'] {
  if (!ctx.get('Cookie').includes('authcore_')) return 'cookies'
  return request && nowS < request.exp ? 'finished' : 'expired'
}

/**
 * What the page of a lost request offers. One that was answered is not asked again: its client has
 * used up what would recognize the answer.
 */
export function waysOn(
  reason: RestartLocals['reason'],
  request: Pick<RememberedRequest, 'uri'> | undefined,
  client: Client | undefined,
): RestartLocals {
  const view = client && clientWithWayBack(client)
  const isUsedUp = reason === 'finished' && view?.uri !== undefined
  return { reason, client: view, restartUri: isUsedUp ? undefined : request?.uri }
}

/** The address that asks for the same again, from an authorization request's parameters. */
export function authorizationUri(path: string, params: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (typeof each === 'string' || typeof each === 'number') query.append(name, String(each))
    }
  }
  return `${path}?${query}`
}
