import type { Clock } from '../../core/clock.ts'
import type { UndeliverableReason } from '../../domain/messaging/undeliverable_store.ts'

/** What one signed report says of one message of ours. */
export type SignedReport = {
  messageId: string | undefined
  /** Undefined for what is no end yet, such as `queued`. */
  outcome: 'delivered' | 'bounced' | undefined
  /** A mail came back for good, or its reader complained. */
  undeliverable?: UndeliverableReason | undefined
  /** Good for one report, where the signature does not cover what is said. */
  token?: { value: string; expiresAt: Date } | undefined
}

/** The id of our message in the Message-ID of its mail (RFC 5322 §3.6.4): `<id@domain of the sender>`. */
export function idInMessageId(value: unknown): string | undefined {
  return typeof value === 'string' ? /^<?([0-9a-f-]{36})@/.exec(value.trim())?.[1] : undefined
}

/**
 * Whether a signed report was made now, give or take what its sender repeats.
 *
 * @param timestamp seconds since 1970, in decimal digits; nothing else is timely
 */
export function isTimely(clock: Clock, timestamp: string, lateS: number): boolean {
  const ageS = clock.now().getTime() / 1000 - Number(timestamp)
  return /^\d{1,12}$/.test(timestamp) && Math.abs(ageS) <= lateS
}

/** @returns an object without members where it is no JSON, or no object */
export function parseReport(body: string): Record<string, unknown> {
  try {
    return membersOf(JSON.parse(body))
  } catch {
    return {}
  }
}

/** @returns an object without members where it is none */
export function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
