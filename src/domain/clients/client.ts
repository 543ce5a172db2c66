import type { ClientMetadata } from './client_metadata.ts'
import type { ClientPreset } from './client_presets.ts'

/**
 * Clients: the relying parties and services that may ask for tokens, the resource servers they ask
 * for, and what each person has allowed them. This folder owns the records and their rules; the
 * protocol itself is in `surfaces/oidc`.
 */
export type Client = {
  readonly clientId: string
  readonly name: string
  readonly status: ClientStatus
  /** Belongs to the house: nobody is asked for consent. */
  readonly firstParty: boolean
  /** Null for clients that were registered before there were presets. */
  readonly preset: ClientPreset | null
  readonly origin: ClientOrigin
  readonly metadata: ClientMetadata
  /** Those that have not expired, newest first; at most two. */
  readonly secrets: readonly StoredClientSecret[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type ClientStatus = 'active' | 'disabled'

/**
 * Who vouches for what the client says of itself: an operator who registered it, or nobody, because
 * it registered itself (RFC 7591) or is what stands at its client_id (a metadata document).
 */
export type ClientOrigin = 'operator' | 'registration' | 'document'

export type StoredClientSecret = {
  readonly id: string
  readonly hash: Buffer
  readonly createdAt: Date
  /** Null for the one in use; the one before it ends when the overlap of a rotation does. */
  readonly expiresAt: Date | null
}

const CLIENT_ID = /^[\x20-\x7e]{1,255}$/

/** RFC 6749 appendix A.1: printable ASCII. Anything else names no client and is not looked for. */
export function isClientId(text: string): boolean {
  return CLIENT_ID.test(text)
}
