import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import type { LimitName } from '../../domain/security/limits.ts'
import { DEFAULT_BODY_BYTES, readRawBody } from '../../web/raw_body.ts'
import type { RegistrationDeps } from './mount.ts'

/** What a request to the registration endpoints brings: a JSON object and a token. */

/** @throws DomainError `invalid_input` */
export async function readDescription(ctx: Context): Promise<Record<string, unknown>> {
  if (!/^application\/json\b/i.test(ctx.get('Content-Type'))) {
    throw new DomainError('invalid_input', 'The body must be JSON: Content-Type application/json.')
  }
  const body = await readRawBody(ctx.req, { limitBytes: DEFAULT_BODY_BYTES })
  const value = parse(body.toString('utf8'))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DomainError('invalid_input', 'The body must be a JSON object.')
  }
  return value as Record<string, unknown>
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new DomainError('invalid_input', 'The body is not valid JSON.')
  }
}

/** RFC 6750 §2.1; undefined where there is none. @throws DomainError `unauthenticated` */
export function bearerOf(ctx: Context): string | undefined {
  const header = ctx.get('Authorization')
  if (header === '') return undefined
  const token = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(header)?.[1]
  if (token !== undefined) return token
  throw new DomainError('unauthenticated', 'Authorization must be a bearer token.')
}

/**
 * Takes points before the work is done. @throws DomainError `rate_limited`
 */
export async function countOrRefuse(
  { limits }: Pick<RegistrationDeps, 'limits'>,
  attempts: { limit: LimitName; key: string }[],
): Promise<void> {
  const verdict = await limits.consumeAll(attempts)
  if (!verdict.allowed) throw tooMany(verdict.retryAfterS)
}

/**
 * Runs what a token opens; a wrong one costs its address a point. @throws DomainError `rate_limited`
 */
export async function countingWrongTokens<T>(
  { limits }: Pick<RegistrationDeps, 'limits'>,
  ctx: Context,
  work: () => Promise<T>,
): Promise<T> {
  const { narrow } = ipKeys(ctx.state.clientIp)
  const blockedS = limits.peekBlocked('registration_token_ip', narrow)
  if (blockedS > 0) throw tooMany(blockedS)
  try {
    return await work()
  } catch (error) {
    if (error instanceof DomainError && error.code === 'unauthenticated') {
      await limits.consume('registration_token_ip', narrow)
    }
    throw error
  }
}

function tooMany(retryAfterS: number): DomainError {
  return new DomainError('rate_limited', 'There were too many requests. Please wait a little.', {
    retryAfterS,
  })
}
