import type { Outbound } from '../../../platform/outbound/outbound.ts'
import { OutboundError } from '../../../platform/outbound/outbound_error.ts'
import type { ClientMetadata } from '../client_metadata.ts'
import { RegistrationRefused } from './registered_metadata.ts'

/**
 * Addresses that this server calls for a client. A stranger wrote them, so what the guard of outgoing
 * calls would refuse is refused when it is registered, and not at the first sign-in. What a name
 * resolves to is looked at again with every call.
 */
const CALLED = [
  'jwks_uri',
  'sector_identifier_uri',
  'backchannel_logout_uri',
] as const satisfies (keyof ClientMetadata)[]

/** What the guard says of an address before any name is resolved. @throws OutboundError */
export type VetUrl = (url: string) => unknown

/** @throws RegistrationRefused */
export function vetAddresses(metadata: ClientMetadata, vetUrl: VetUrl): void {
  for (const member of CALLED) {
    const uri = metadata[member]
    if (uri !== undefined) vetAddress(member, uri, vetUrl)
  }
  for (const uri of metadata.request_uris ?? []) vetAddress('request_uris', uri, vetUrl)
}

function vetAddress(member: string, uri: string, vetUrl: VetUrl): void {
  try {
    vetUrl(uri)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw new RegistrationRefused(
      'invalid_client_metadata',
      `${member} must be an address on the public internet, https, at a usual port.`,
    )
  }
}

const SECTOR_MAX_BYTES = 65_536

/**
 * OpenID Connect Registration §5: the document at sector_identifier_uri lists every redirect_uri.
 *
 * @throws RegistrationRefused
 */
export async function verifySector(
  { sector_identifier_uri: url, redirect_uris }: ClientMetadata,
  request: Outbound['request'],
): Promise<void> {
  if (url === undefined) return
  const listed = await fetchList(url, request)
  const missing = redirect_uris.find((uri) => !listed.includes(uri))
  if (missing === undefined) return
  throw new RegistrationRefused(
    'invalid_client_metadata',
    'sector_identifier_uri must list every redirect_uri of the client.',
  )
}

async function fetchList(url: string, request: Outbound['request']): Promise<unknown[]> {
  try {
    const { status, body } = await request({
      url,
      headers: { accept: 'application/json' },
      maxResponseBytes: SECTOR_MAX_BYTES,
    })
    const list: unknown = status === 200 ? JSON.parse(body.toString('utf8')) : undefined
    if (Array.isArray(list)) return list
  } catch (error) {
    if (!(error instanceof OutboundError || error instanceof SyntaxError)) throw error
  }
  throw new RegistrationRefused(
    'invalid_client_metadata',
    'sector_identifier_uri must answer with a JSON array of redirect_uris.',
  )
}
