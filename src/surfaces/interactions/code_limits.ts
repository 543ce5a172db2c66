import type { Context } from 'koa'
import { ipKeys } from '../../domain/security/ip_key.ts'
import { originOf } from '../../web/origin.ts'
import type { InteractionDeps } from './mount.ts'

/** Codes by mail that one address may ask for; what one mailbox gets is limited where it is sent. */
export async function mayAskForCode(deps: InteractionDeps, ctx: Context): Promise<boolean> {
  const { ip } = originOf(ctx)
  if (ip === undefined) return true
  return (await deps.rateLimits.consume('code_ip', ipKeys(ip).narrow)).allowed
}
