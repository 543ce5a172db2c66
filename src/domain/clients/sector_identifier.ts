import { DomainError } from '../../core/errors.ts'
import type { Outbound } from '../../platform/outbound/outbound.ts'
import { CIBA_GRANT, type ClientMetadata, DEVICE_CODE_GRANT } from './client_metadata.ts'

/**
 * `sector_identifier_uri` (OpenID Connect Registration §5): clients that share one know a person by
 * the same pairwise identifier, so its owner has to say which addresses belong to it. The document is
 * read before a client is written, outside of its transaction, and not when it is used.
 */

export type Caller = Pick<Outbound, 'request'>

const MAX_BYTES = 65_536

/**
 * @param before the metadata that were accepted last; what has not changed is not asked for again
 * @throws DomainError `invalid_input` where the document cannot be had or leaves an address out
 */
export async function assertSectorIdentifier(
  outbound: Caller | undefined,
  metadata: ClientMetadata,
  before?: ClientMetadata,
): Promise<void> {
  const { sector_identifier_uri: uri } = metadata
  if (!uri || (before && claimOf(before) === claimOf(metadata))) return
  if (!outbound) throw new Error('a sector_identifier_uri cannot be checked without calling out')
  const listed = await readAddresses(outbound, uri)
  const missing = addressesOf(metadata).find((address) => !listed.has(address))
  if (missing !== undefined) throw refusal(`does not list ${missing}`)
}

/**
 * Within the transaction that writes: what was read before is still what it was read for.
 *
 * @throws DomainError `conflict`
 */
export function assertSectorUnchanged(verified: ClientMetadata, written: ClientMetadata): void {
  if (!written.sector_identifier_uri || claimOf(verified) === claimOf(written)) return
  throw new DomainError('conflict', 'The client was changed meanwhile; try again.')
}

/** Everything that the document has to confirm. */
function claimOf(metadata: ClientMetadata): string {
  return JSON.stringify([metadata.sector_identifier_uri, ...addressesOf(metadata)])
}

function addressesOf({ redirect_uris, grant_types, jwks_uri }: ClientMetadata): string[] {
  const decoupled = grant_types.includes(DEVICE_CODE_GRANT) || grant_types.includes(CIBA_GRANT)
  return [...redirect_uris, ...(decoupled && jwks_uri ? [jwks_uri] : [])]
}

async function readAddresses(outbound: Caller, url: string): Promise<ReadonlySet<unknown>> {
  const headers = { accept: 'application/json' }
  const response = await outbound
    .request({ url, headers, maxResponseBytes: MAX_BYTES })
    .catch((cause: Error) => {
      throw unreadable(cause.message, cause)
    })
  if (response.status !== 200) throw unreadable(`status ${response.status}`)
  const listed = jsonOf(response.body)
  if (!Array.isArray(listed)) throw unreadable('no JSON array')
  return new Set(listed)
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Whoever registers is not told what is wrong: they would learn what can be reached from here. */
function unreadable(debug: string, cause?: unknown): DomainError {
  return refusal('cannot be read as a JSON array of addresses', { debug, cause })
}

function refusal(what: string, options: { debug?: string; cause?: unknown } = {}): DomainError {
  return new DomainError('invalid_input', `sector_identifier_uri ${what}.`, {
    hint: 'It must be a JSON array with every redirect URI of the client.',
    ...options,
  })
}
