import type { Context } from 'koa'
import { trustDevice } from '../../domain/sessions/trusted_device.ts'
import { originOf } from '../../web/origin.ts'
import type { InteractionDeps } from './mount.ts'

/** "Don't ask again on this browser": tokens of its own, which are worth nothing without a password. */
const TRUSTED_DEVICE_COOKIE = 'authcore_trusted_device'
/** One for each account of a household; with one more, the oldest is forgotten. */
const MAX_TOKENS = 5
const DAY_MS = 86_400_000

export function trustedDeviceTokens(ctx: Context): string[] {
  const tokens = (ctx.cookies.get(TRUSTED_DEVICE_COOKIE, { signed: false }) ?? '').split('~')
  return tokens.filter(Boolean).slice(0, MAX_TOKENS)
}

export async function trustThisBrowser(
  deps: InteractionDeps,
  ctx: Context,
  accountId: string,
): Promise<void> {
  const days = deps.trustedDeviceDays
  const token = await trustDevice(deps, { accountId, days, origin: originOf(ctx) })
  const tokens = [token, ...trustedDeviceTokens(ctx)].slice(0, MAX_TOKENS)
  ctx.cookies.set(TRUSTED_DEVICE_COOKIE, tokens.join('~'), {
    path: '/interaction',
    maxAge: days * DAY_MS,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
    overwrite: true,
  })
}
