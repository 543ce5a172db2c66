import type { Client } from 'oidc-provider'
import { type ClientPreset, presetLifetimes } from '../../domain/clients/client_presets.ts'
import type { Config } from '../../platform/config/schema.ts'

/** What the preset of a client changes in how its requests are answered. */

type Protocols = Pick<Config['protocols'], 'legacyClients'>

function presetOf(client: Client | undefined): ClientPreset | null {
  return (client?.['preset'] as ClientPreset | null | undefined) ?? null
}

/**
 * RFC 9700 §2.1.1: every client but those that a deployment allows to be of old. Even they prove with
 * it that a code is theirs where they cannot authenticate.
 */
export function requiresPkce(client: Client, { legacyClients }: Protocols): boolean {
  const ofOld = legacyClients && presetOf(client) === 'legacy'
  return !ofOld || client.clientAuthMethod === 'none'
}

/** FAPI 2.0 Security Profile §5.3.2.1: tokens that are bound to a key are not rotated. */
export function rotatesRefreshTokens(client: Client): boolean {
  return presetOf(client) !== 'fapi2'
}

export function fapiProfile(client: Client | undefined): '2.0' | undefined {
  return presetOf(client) === 'fapi2' ? '2.0' : undefined
}

/** Model Context Protocol, Authorization: clients "MUST" send `resource` in authorization requests. */
export function namesResource(client: Client | undefined): boolean {
  return presetOf(client) === 'mcp'
}

export function lifetimesOf(client: Client | undefined) {
  return presetLifetimes(presetOf(client))
}
