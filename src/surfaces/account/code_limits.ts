import type { Context } from 'koa'
import { consumeOfAddress } from '../../domain/security/address_limit.ts'
import type { LimitName } from '../../domain/security/limits.ts'
import { originOf } from '../../web/origin.ts'
import type { AccountDeps } from './mount.ts'

/** Whether the address that this request came from may ask for a code, or try one, once more. */
export async function mayTry(deps: AccountDeps, ctx: Context, limit: LimitName): Promise<boolean> {
  return (await consumeOfAddress(deps.rateLimits, limit, originOf(ctx).ip)).allowed
}
