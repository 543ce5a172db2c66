import type Provider from 'oidc-provider'
import type { Client as EngineClient } from 'oidc-provider'
import type { Client } from '../../domain/clients/client.ts'
import type { Payload } from './adapters/codec.ts'

/**
 * A client's metadata are worked out once per record of it, and the engine's view of the client once
 * per metadata. The cache of clients hands out another record when something has changed, so the
 * record itself tells; the engine alone would write all metadata out and hash them at every request
 * to see whether they are the same.
 */

/** @param metadataOf what the engine is to know of a client, or undefined for one that may not be used */
export function rememberMetadata(
  metadataOf: (client: Client) => Payload | undefined,
): (client: Client | undefined) => Payload | undefined {
  const known = new WeakMap<Client, Payload>()
  return (client) => {
    if (!client) return undefined
    const metadata = known.get(client) ?? metadataOf(client)
    if (metadata) known.set(client, metadata)
    return metadata
  }
}

export function rememberClients(
  provider: Provider,
  findMetadata: (clientId: string) => Promise<Payload | undefined>,
): void {
  const known = new WeakMap<Payload, EngineClient>()
  const { Client } = provider
  const findByEngine = Client.find
  Client.find = async function find(this: typeof Client, id: string) {
    const metadata = typeof id === 'string' ? await findMetadata(id) : undefined
    const remembered = metadata && known.get(metadata)
    if (remembered) return remembered
    const client = await findByEngine.call(this, id)
    if (client && metadata) known.set(metadata, client)
    return client
  }
}
