import type { Client } from '../../domain/clients/client.ts'
import { OWN_MEMBERS } from '../../domain/clients/registration/registered_metadata.ts'
import { REGISTRATION_PATH } from './paths.ts'

/**
 * The client information response (RFC 7591 §3.2.1, RFC 7592 §3): all that was registered, whoever
 * chose it. The secret is in it where it is new; it cannot be shown again.
 */
export function present(
  issuer: string,
  {
    client,
    secret,
    accessToken,
  }: { client: Client; secret?: string | undefined; accessToken: string },
): Record<string, unknown> {
  const { clientId, name, preset, metadata, createdAt } = client
  const own = OWN_MEMBERS.map((member) => [member, metadata[member]] as const)
  return {
    client_id: clientId,
    client_id_issued_at: Math.floor(createdAt.getTime() / 1000),
    // RFC 7591 §3.2.1: 0 says that it does not expire.
    ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    registration_access_token: accessToken,
    registration_client_uri: `${issuer}${REGISTRATION_PATH}/${encodeURIComponent(clientId)}`,
    client_name: name,
    ...Object.fromEntries(own.filter(([, value]) => value !== undefined)),
    preset,
  }
}
