import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Client } from '../../domain/clients/client.ts'
import type { Config } from '../../platform/config/schema.ts'
import { engineMetadata } from './client_metadata.ts'

/**
 * Why the engine would not serve a client, or undefined. Our rules say what a client may be; which
 * methods and algorithms the deployment has switched on is in the configuration of the engine.
 */
export function faultOfClient(
  provider: Provider,
  client: Client,
  protocols: Config['protocols'],
): string | undefined {
  const EngineClient = provider.Client as unknown as new (metadata: unknown) => unknown
  try {
    new EngineClient(engineMetadata(client, protocols))
    return undefined
  } catch (error) {
    if (!(error instanceof errors.OIDCProviderError)) throw error
    return error.error_description ?? error.message
  }
}
