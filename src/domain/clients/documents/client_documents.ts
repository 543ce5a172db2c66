import { LRUCache } from 'lru-cache'
import type { Clock } from '../../../core/clock.ts'
import type { Outbound } from '../../../platform/outbound/outbound.ts'
import { OutboundError } from '../../../platform/outbound/outbound_error.ts'
import type { Client } from '../client.ts'
import type { ClientCache } from '../client_cache.ts'
import { RegistrationRefused } from '../registration/registered_metadata.ts'
import { type VetUrl, vetAddresses } from '../registration/vet_addresses.ts'
import { clientOfDocument, isDocumentClientId } from './client_document.ts'

/**
 * Clients that are what stands at their client_id. They are never stored: each process keeps what it
 * fetched for as long as the host says, within bounds, and fetches one document once, however many
 * ask. What cannot be taken for a client is not asked for again for a moment.
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
const REFUSED_FOR_MS = 30_000
const KEPT_MIN_S = 5 * 60
const KEPT_MAX_S = 24 * 60 * 60

export function createClientDocuments(deps: DocumentDeps): ClientDocuments {
  const kept = new LRUCache<string, Client>({ max: 10_000, maxSize: KEPT_MAX_BYTES })
  const refused = new LRUCache<string, true>({ max: 10_000, ttl: REFUSED_FOR_MS })
  const loading = new Map<string, Promise<Client | undefined>>()

  const load = async (clientId: string): Promise<Client | undefined> => {
    try {
      const { client, sizeBytes, keepS } = await fetchClient(deps, clientId)
      kept.set(clientId, client, { ttl: keepS * 1000, size: sizeBytes })
      return client
    } catch (error) {
      deps.onRefused(clientId, reasonOf(error))
      refused.set(clientId, true)
      return undefined
    } finally {
      loading.delete(clientId)
    }
  }
  return {
    async find(clientId) {
      const known = kept.get(clientId)
      if (known || refused.has(clientId)) return known
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
    throw new RegistrationRefused('invalid_client_metadata', 'Too many documents were fetched.')
  }
  const { status, headers, body } = await deps.request({
    url: clientId,
    headers: { accept: 'application/json' },
    timeoutMs: FETCH_TIMEOUT_MS,
    maxResponseBytes: DOCUMENT_MAX_BYTES,
  })
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

/** For the trail: a sentence that names no more than the address. */
function reasonOf(error: unknown): string {
  if (error instanceof RegistrationRefused) return error.message.slice(0, 200)
  if (error instanceof OutboundError) return error.reason
  if (error instanceof SyntaxError) return 'The document is not valid JSON.'
  throw error
}
