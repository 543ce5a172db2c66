import type { Client } from '../../domain/clients/client.ts'
import type { Payload } from './adapters/codec.ts'

/**
 * Our own names among the client metadata, beside those of RFC 7591. The engine validates clients
 * anew when this changes, so nothing goes in that it does not need.
 */
export const EXTRA_CLIENT_METADATA = ['first_party', 'resource_scopes', 'introspection'] as const

/** Stands where the engine insists on a client secret; the real ones are only known by their hashes. */
const KEPT_AS_HASH = 'kept as a hash'

/** The registered client as the engine wants it, or undefined for one that may not be used. */
export function engineMetadata(client: Client | undefined): Payload | undefined {
  if (client?.status !== 'active') return undefined
  const method = client.metadata.token_endpoint_auth_method ?? 'client_secret_basic'
  return {
    ...client.metadata,
    client_id: client.clientId,
    client_name: client.name,
    first_party: client.firstParty,
    ...(method.startsWith('client_secret') ? { client_secret: KEPT_AS_HASH } : {}),
  } as Payload
}
