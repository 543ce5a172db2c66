import { signInFailed, signInThrottled, stuffingDetected } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'

/**
 * Sees what no limit of one account or address can: many names tried from many places, each a few
 * times (credential stuffing, OWASP). It stops nobody, which the limits do; it tells whoever watches.
 */
export type StuffingWatchDeps = {
  /** So many refused sign-ins within the window are no coincidence. */
  threshold: number
  log: { warn(fields: object, message: string): void }
}

const WINDOW_MS = 5 * 60_000
/** One attack is told of once, for as long as it goes on. */
const QUIET_MS = 30 * 60_000

type Refusal = { at: number; account: string; address: string }

/** An event sink, so that no sign-in waits for it; each worker counts what comes by it. */
export function createStuffingWatch({ threshold, log }: StuffingWatchDeps): EventSink {
  let seen: Refusal[] = []
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    name: 'stuffing_watch',
    async deliver(tx, events) {
      for (const event of events.filter(isRefusal)) {
        const refusal = refusalOf(event)
        // The newest that can matter: a flood is not to be remembered whole.
        seen = [...seen.filter(({ at }) => at > refusal.at - WINDOW_MS), refusal].slice(-threshold)
        if (seen.length < threshold || refusal.at < toldAt + QUIET_MS) continue
        toldAt = refusal.at
        const fact = {
          refusals: seen.length,
          accounts: distinct(seen.map(({ account }) => account)),
          addresses: distinct(seen.map(({ address }) => address)),
          windowS: WINDOW_MS / 1000,
        }
        log.warn(fact, 'many sign-ins are refused: somebody may be trying stolen passwords')
        await appendEvent(tx, stuffingDetected(fact))
      }
    },
  }
}

function isRefusal({ type }: StoredEvent): boolean {
  return type === signInFailed.type || type === signInThrottled.type
}

function refusalOf({ occurredAt, data }: StoredEvent): Refusal {
  const { accountId, ip } = data
  return { at: occurredAt.getTime(), account: String(accountId ?? ''), address: String(ip ?? '') }
}

/** Nobody and nowhere are none. */
function distinct(values: readonly string[]): number {
  return new Set(values.filter(Boolean)).size
}
