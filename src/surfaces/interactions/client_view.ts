import type { Client } from 'oidc-provider'
import type { ClientView } from '../../platform/templating/views.ts'

/** The application as its pages show it. */
export function clientViewOf(client: Client): ClientView {
  return {
    name: client.clientName ?? client.clientId,
    logoUri: client.logoUri,
    uri: client.clientUri,
  }
}
