import type { Context } from 'koa'
import { trustDevice } from '../../domain/sessions/trusted_device.ts'
import { originOf } from '../../web/origin.ts'
import type { InteractionDeps } from './mount.ts'

/** "Don't ask again on this browser": a token of its own, which is worth nothing without a password. */
const TRUSTED_DEVICE_COOKIE = 'authcore_trusted_device'
const DAY_MS = 86_400_000

export function trustedDeviceToken(ctx: Context): string | undefined {
  return ctx.cookies.get(TRUSTED_DEVICE_COOKIE, { signed: false })
}

export async function trustThisBrowser(
  deps: InteractionDeps,
  ctx: Context,
  accountId: string,
): Promise<void> {
  const days = deps.trustedDeviceDays
  const token = await trustDevice(deps, { accountId, days, origin: originOf(ctx) })
  ctx.cookies.set(TRUSTED_DEVICE_COOKIE, token, {
    path: '/interaction',
    maxAge: days * DAY_MS,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
    overwrite: true,
  })
}
