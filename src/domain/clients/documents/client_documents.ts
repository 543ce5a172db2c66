import { LRUCache } from 'lru-cache'
import type { Clock } from '../../../core/clock.ts'
import type { Outbound } from '../../../platform/outbound/outbound.ts'
import { OutboundError, type OutboundReason } from '../../../platform/outbound/outbound_error.ts'
import type { Client } from '../client.ts'
import type { ClientCache } from '../client_cache.ts'
import { RegistrationRefused } from '../registration/registered_metadata.ts'
import { type VetUrl, vetAddresses } from '../registration/vet_addresses.ts'
import { clientOfDocument, isDocumentClientId } from './client_document.ts'

/**
 * Clients that are what stands at their client_id. They are never stored: each process keeps what it
 * fetched for as long as the host says, within bounds, and fetches one document once, however many
 * ask. What cannot be taken for a client is not asked for again for a moment, and a host that is away
 * does not take its clients along at once.
 */
export type DocumentDeps = {
  request: Outbound['request']
  vetUrl: VetUrl
  clock: Clock
  /** False where so much was fetched from this host, or from all, that it has to wait. */
  mayFetch(host: string): Promise<boolean>
  /** Told why there is no client at this address. */
  onRefused(clientId: string, reason: string): void
}

export type ClientDocuments = Pick<ClientCache, 'find' | 'invalidate'>

const DOCUMENT_MAX_BYTES = 16_384
const FETCH_TIMEOUT_MS = 3_000
const KEPT_MAX_BYTES = 32 * 1024 * 1024
const KEPT_MIN_S = 5 * 60
const KEPT_MAX_S = 24 * 60 * 60
/** How long a client outlives its document where that cannot be reached. */
const STALE_MS = 24 * 60 * 60 * 1000
/** When an address is asked again that gave no document. */
const AGAIN_MS = 30_000

type Kept = { client: Client; sizeBytes: number; freshUntil: number }

export function createClientDocuments(deps: DocumentDeps): ClientDocuments {
  const kept = new LRUCache<string, Kept>({ max: 10_000, maxSize: KEPT_MAX_BYTES })
  const refused = new LRUCache<string, true>({ max: 10_000, ttl: AGAIN_MS })
  const loading = new Map<string, Promise<Client | undefined>>()
  const now = () => deps.clock.now().getTime()

  const load = async (clientId: string): Promise<Client | undefined> => {
    try {
      const { keepS, ...fetched } = await fetchClient(deps, clientId)
      const freshUntil = now() + keepS * 1000
      const entry = { ...fetched, freshUntil }
      kept.set(clientId, entry, { ttl: keepS * 1000 + STALE_MS, size: fetched.sizeBytes })
      return fetched.client
    } catch (error) {
      return settle(clientId, error)
    } finally {
      loading.delete(clientId)
    }
  }
  /** A host that is away says nothing of its clients; one that answers otherwise takes them back. */
  const settle = (clientId: string, error: unknown): Client | undefined => {
    deps.onRefused(clientId, reasonOf(error))
    const known = kept.get(clientId)
    if (known && isPassing(error)) {
      known.freshUntil = now() + AGAIN_MS
      return known.client
    }
    kept.delete(clientId)
    refused.set(clientId, true)
    return undefined
  }
  return {
    async find(clientId) {
      const known = kept.get(clientId)
      if (known && known.freshUntil > now()) return known.client
      if (!known && refused.has(clientId)) return undefined
      const pending = loading.get(clientId) ?? load(clientId)
      loading.set(clientId, pending)
      return await pending
    },
    invalidate(clientId) {
      for (const cache of [kept, refused]) {
        if (clientId === undefined) cache.clear()
        else cache.delete(clientId)
      }
    },
  }
}

/** A registered client goes before a document: an operator can stand in its place, or block it. */
export function withDocuments(registered: ClientCache, documents: ClientDocuments): ClientCache {
  return {
    async find(clientId) {
      const client = await registered.find(clientId)
      return client ?? (isDocumentClientId(clientId) ? await documents.find(clientId) : undefined)
    },
    invalidate(clientId) {
      registered.invalidate(clientId)
      documents.invalidate(clientId)
    },
    close: registered.close,
  }
}

async function fetchClient(deps: DocumentDeps, clientId: string) {
  if (!(await deps.mayFetch(new URL(clientId).host))) {
    throw new DocumentAway('Too many documents were fetched.')
  }
  const { status, headers, body } = await deps.request({
    url: clientId,
    headers: { accept: 'application/json' },
    timeoutMs: FETCH_TIMEOUT_MS,
    maxResponseBytes: DOCUMENT_MAX_BYTES,
  })
  if (status >= 500 || status === 429) throw new DocumentAway(`The address answers ${status}.`)
  const type = headers.get('content-type') ?? ''
  if (status !== 200 || !/^application\/([\w.-]+\+)?json\b/i.test(type)) {
    throw new RegistrationRefused(
      'invalid_client_metadata',
      `The address answers ${status} ${type.slice(0, 50)} and not with JSON.`,
    )
  }
  const client = clientOfDocument(clientId, JSON.parse(body.toString('utf8')), deps.clock.now())
  vetAddresses(client.metadata, deps.vetUrl)
  return { client, sizeBytes: body.length, keepS: keepSeconds(headers.get('cache-control')) }
}

/** RFC 9111 §5.2.2, held within bounds: never a fetch for each request, never a day without one. */
export function keepSeconds(cacheControl: string | null): number {
  const directives = (cacheControl ?? '').toLowerCase()
  if (/\bno-(store|cache)\b/.test(directives)) return KEPT_MIN_S
  const maxAge = Number(/(?:^|[\s,])max-age\s*=\s*"?(\d{1,10})/.exec(directives)?.[1] ?? 0)
  return Math.min(Math.max(maxAge, KEPT_MIN_S), KEPT_MAX_S)
}

/** There may well be a client, but not to be had now. */
class DocumentAway extends Error {}

const PASSING_REASONS: readonly OutboundReason[] = ['dns', 'connect', 'timeout', 'circuit_open']

function isPassing(error: unknown): boolean {
  if (error instanceof OutboundError) return PASSING_REASONS.includes(error.reason)
  return error instanceof DocumentAway
}

/** For the trail: a sentence that names no more than the address. */
function reasonOf(error: unknown): string {
  if (error instanceof RegistrationRefused || error instanceof DocumentAway) {
    return error.message.slice(0, 200)
  }
  if (error instanceof OutboundError) return error.reason
  if (error instanceof SyntaxError) return 'The document is not valid JSON.'
  throw error
}
