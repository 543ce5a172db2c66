import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import { signWebhook } from '../../core/standard_webhooks.ts'
import { parsedJson } from '../../core/unknown.ts'
import type { Outbound } from '../../platform/outbound/outbound.ts'
import { OutboundError } from '../../platform/outbound/outbound_error.ts'
import type { LegacyAnswer, LegacySystem } from './migrate_legacy_account.ts'

/**
 * The legacy system as a program of the deployment's own: a signed POST of `{identifier, password}`
 * (Standard Webhooks). 200 with an account says that the password is right, 401 and 404 that it is
 * not. docs/IMPORT.md tells the form.
 */
export type LegacyHookDeps = {
  request: Outbound['request']
  clock: Clock
  url: string
  secret: string
  timeoutMs?: number
}

/** The person waits for it. */
const TIMEOUT_MS = 5_000
/** As much as a line of an import. */
const MAX_RESPONSE_BYTES = 65_536

/** Identifiers and claims are measured where the account is made. */
const answerSchema = z.strictObject({
  account: z.strictObject({
    username: z.string().optional(),
    email: z.string().optional(),
    emailVerified: z.boolean().optional(),
    phone: z.string().optional(),
    phoneVerified: z.boolean().optional(),
    claims: z.record(z.string(), z.unknown()).optional(),
  }),
})

export function createLegacyHook(deps: LegacyHookDeps): LegacySystem {
  return {
    async verify({ identifier, password }) {
      try {
        const { status, body } = await ask(deps, JSON.stringify({ identifier, password }))
        if (status === 401 || status === 404) return { kind: 'wrong' }
        if (status !== 200) return { kind: 'unavailable', detail: `HTTP ${status}` }
        return read(Buffer.from(body).toString('utf8'))
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error
        const kind = error.reason === 'too_large' ? 'invalid' : 'unavailable'
        return { kind, detail: error.message }
      }
    },
  }
}

function ask(
  { request, clock, url, secret, timeoutMs = TIMEOUT_MS }: LegacyHookDeps,
  body: string,
) {
  return request({
    url,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...signWebhook(secret, { id: newId(), at: clock.now(), body }),
    },
    body,
    timeoutMs,
    maxResponseBytes: MAX_RESPONSE_BYTES,
  })
}

function read(text: string): LegacyAnswer {
  const parsed = answerSchema.safeParse(parsedJson(text))
  if (parsed.success) return { kind: 'right', account: parsed.data.account }
  // Which member it is, never what it holds.
  const where = parsed.error.issues[0]?.path.join('.')
  return { kind: 'invalid', detail: `the answer is malformed${where ? ` at ${where}` : ''}` }
}
