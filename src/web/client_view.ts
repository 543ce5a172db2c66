import type { ClientView } from '../platform/templating/views.ts'

/** What our pages need to know of an application; a client of the engine has it. */
export type Client = {
  clientId: string
  clientName?: string | undefined
  clientUri?: string | undefined
  logoUri?: string | undefined
  redirectUris?: readonly string[] | undefined
}

/** The application as its pages show it. */
export function clientViewOf({ clientId, clientName, clientUri, logoUri }: Client): ClientView {
  return { name: clientName ?? clientId, logoUri, uri: clientUri }
}

/** The same with a way back: its home page, or else the origin it takes its answers at. */
export function clientWithWayBack(client: Client): ClientView {
  const view = clientViewOf(client)
  const redirect = client.redirectUris?.find((uri) => /^https?:/.test(uri))
  return { ...view, uri: view.uri ?? (redirect ? new URL(redirect).origin : undefined) }
}
