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
