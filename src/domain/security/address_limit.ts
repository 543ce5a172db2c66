import { ipKeys } from './ip_key.ts'
import type { Verdict } from './limiter.ts'
import type { LimitName } from './limits.ts'
import type { RateLimits } from './rate_limit.ts'

/** Counts one attempt of an address; where nobody knows the address, there is nothing to count. */
export async function consumeOfAddress(
  limits: RateLimits,
  limit: LimitName,
  ip: string | undefined,
): Promise<Verdict> {
  if (ip === undefined) return { allowed: true, remaining: Number.POSITIVE_INFINITY }
  return await limits.consume(limit, ipKeys(ip).narrow)
}
