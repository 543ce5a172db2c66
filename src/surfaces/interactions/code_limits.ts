import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { consumeOfAddress } from '../../domain/security/address_limit.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import { originOf } from '../../web/origin.ts'
import type { InteractionDeps } from './mount.ts'

/** Whether a code from a mail or an SMS signs in. */
export function offersCodes({ emailSignIn, smsSignIn }: InteractionDeps): boolean {
  return emailSignIn || smsSignIn
}

/** Where that way begins, named by what the codes come by. */
export function waysByCode(
  deps: InteractionDeps,
  uid: string,
): { emailUri?: string; codesUri?: string } {
  const uri = `/interaction/${uid}/email_sign_in`
  if (deps.smsSignIn) return { codesUri: uri }
  return deps.emailSignIn ? { emailUri: uri } : {}
}

/** Codes by mail or SMS that one address may ask for; what one mailbox gets is limited where it is sent. */
export async function mayAskForCode(deps: InteractionDeps, ctx: Context): Promise<boolean> {
  return (await consumeOfAddress(deps.rateLimits, 'code_ip', originOf(ctx).ip)).allowed
}

/** @throws DomainError `rate_limited` where one address brings too many codes or links back */
export async function assertMayTryCode(deps: InteractionDeps, ctx: Context): Promise<void> {
  await assertMayTry(deps, ctx, 'code_try_ip')
}

/** @throws DomainError `rate_limited` where one address presents too many passkeys that are refused */
export async function assertMayTryPasskey(deps: InteractionDeps, ctx: Context): Promise<void> {
  await assertMayTry(deps, ctx, 'passkey_ip')
}

/** A passkey that was right counts for nothing. */
export async function refundPasskeyTry(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { ip } = originOf(ctx)
  if (ip !== undefined) await deps.rateLimits.refund('passkey_ip', ipKeys(ip).narrow)
}

async function assertMayTry(
  deps: InteractionDeps,
  ctx: Context,
  limit: 'code_try_ip' | 'passkey_ip',
): Promise<void> {
  const verdict = await consumeOfAddress(deps.rateLimits, limit, originOf(ctx).ip)
  if (verdict.allowed) return
  const { retryAfterS } = verdict
  throw new DomainError('rate_limited', 'There were too many attempts.', { retryAfterS })
}
