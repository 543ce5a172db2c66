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
/** The accounts of a household; with one more, the one that signed in longest ago is forgotten. */
const MAX_ACCOUNTS = 5

type Known = { accountId: string; token: string }

function read({ keyring }: InteractionDeps, ctx: Context): Known[] {
  const tokens = (ctx.cookies.get(DEVICE_COOKIE) ?? '').split('~').slice(0, MAX_ACCOUNTS)
  return tokens.flatMap((token) => {
    const accountId = verifyDeviceCookie(keyring, token)
    return accountId === undefined ? [] : [{ accountId, token }]
  })
}

/** The accounts that this browser signed in to. */
export function knownAccountsOf(deps: InteractionDeps, ctx: Context): string[] {
  return read(deps, ctx).map(({ accountId }) => accountId)
}

/** @returns whether the browser was known before */
export function rememberDevice(deps: InteractionDeps, ctx: Context, accountId: string): boolean {
  const known = read(deps, ctx)
  const others = known.filter((each) => each.accountId !== accountId).map(({ token }) => token)
  const tokens = [issueDeviceCookie(deps.keyring, accountId), ...others].slice(0, MAX_ACCOUNTS)
  ctx.cookies.set(DEVICE_COOKIE, tokens.join('~'), {
    path: '/interaction',
    maxAge: DEVICE_COOKIE_MAX_AGE_S * 1000,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
    overwrite: true,
  })
  return known.length > others.length
}
