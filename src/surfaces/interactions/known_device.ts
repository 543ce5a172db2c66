import type { Context } from 'koa'
import {
  DEVICE_COOKIE_MAX_AGE_S,
  issueDeviceCookie,
  verifyDeviceCookie,
} from '../../domain/security/device_cookie.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * OWASP device cookies: a browser that signed in before keeps its own budget of attempts, and its
 * owner is not told of it as of a new one.
 */
const DEVICE_COOKIE = 'authcore_device'

/** The account that this browser signed in to last. */
export function knownAccountOf(deps: InteractionDeps, ctx: Context): string | undefined {
  return verifyDeviceCookie(deps.keyring, ctx.cookies.get(DEVICE_COOKIE))
}

/** @returns whether the browser was known before */
export function rememberDevice(deps: InteractionDeps, ctx: Context, accountId: string): boolean {
  const known = knownAccountOf(deps, ctx) === accountId
  ctx.cookies.set(DEVICE_COOKIE, issueDeviceCookie(deps.keyring, accountId), {
    path: '/interaction',
    maxAge: DEVICE_COOKIE_MAX_AGE_S * 1000,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
    overwrite: true,
  })
  return known
}
