import { type Client, isClientId } from '../client.ts'
import type { ClientMetadata } from '../client_metadata.ts'
import { assertClientName } from '../client_name.ts'
import { clientUriFault } from '../client_uri.ts'
import { asRefusal } from '../registration/register_client.ts'
import { chooseRegistration, RegistrationRefused } from '../registration/registered_metadata.ts'

/**
 * A client whose client_id is the https address of its own description (Client ID Metadata Document,
 * draft-ietf-oauth-client-id-metadata-document). The host in that address is all that is known of it:
 * the description may say nothing in the name of another host.
 */

const PATH = /^https:\/\/[^/?]+\/[^?]+/

/** An https URL with a path, written as it is followed. Whatever else it is, it is no such client_id. */
export function isDocumentClientId(clientId: string): boolean {
  return isClientId(clientId) && PATH.test(clientId) && clientUriFault(clientId) === undefined
}

/** Pages that are shown, or led to, in its name. Those of another host are left out. */
const PAGES = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'] as const
/** Draft §4.1: "MUST NOT" be there, for nothing that is public is a secret. */
const SECRETS = ['client_secret', 'client_secret_expires_at']

/** @throws RegistrationRefused */
export function clientOfDocument(clientId: string, document: unknown, now: Date): Client {
  const described = asObject(document)
  if (described['client_id'] !== clientId) {
    throw refused('client_id must be the address of the document.')
  }
  const secret = SECRETS.find((member) => Object.hasOwn(described, member))
  if (secret) throw refused(`${secret} must not be in a document that everybody can read.`)
  const { preset, name, metadata } = chooseRegistration({ ...described, preset: 'mcp' }, ['mcp'])
  assertNamed(name)
  assertOwnRedirects(clientId, metadata)
  return {
    clientId,
    name,
    status: 'active',
    firstParty: false,
    preset,
    origin: 'document',
    metadata: withOwnPages(clientId, metadata),
    secrets: [],
    createdAt: now,
    updatedAt: now,
  }
}

function asObject(document: unknown): Record<string, unknown> {
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
    return document as Record<string, unknown>
  }
  throw refused('The document must be a JSON object.')
}

function assertNamed(name: string): void {
  try {
    assertClientName(name)
  } catch (error) {
    asRefusal(error)
  }
}

/** Loopback and private schemes lead to the person's own machine, all others back to that host. */
function assertOwnRedirects(clientId: string, { redirect_uris }: ClientMetadata): void {
  const foreign = redirect_uris.find((uri) => uri.startsWith('https:') && !sameHost(uri, clientId))
  if (foreign === undefined) return
  throw new RegistrationRefused(
    'invalid_redirect_uri',
    'redirect_uris must be on the host of the client_id.',
  )
}

function withOwnPages(clientId: string, metadata: ClientMetadata): ClientMetadata {
  const own = { ...metadata }
  for (const member of PAGES) {
    const uri = own[member]
    if (uri !== undefined && !sameHost(uri, clientId)) delete own[member]
  }
  return own
}

function sameHost(uri: string, clientId: string): boolean {
  return new URL(uri).host === new URL(clientId).host
}

function refused(description: string): RegistrationRefused {
  return new RegistrationRefused('invalid_client_metadata', description)
}
