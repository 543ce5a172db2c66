import type { Client as EngineClient } from 'oidc-provider'
import type { Profile } from '../../domain/accounts/profile/profile.ts'
import type { AuthorizationDetail } from '../../domain/clients/authorization_details.ts'
import type { Requested } from '../../domain/clients/consent.ts'
import { OPENID_SCOPES } from '../../domain/clients/openid_scopes.ts'
import type { ResourceServer } from '../../domain/clients/resource_server.ts'

/** What an authorization request asks a person to allow, read from its stored parameters. */

type Deps = { resourceServers: Lookup; profile: Pick<Profile, 'scopes'> }
type Lookup = { find(identifier: string): Promise<ResourceServer | undefined> }

/** Facts about the sign-in itself: told, never asked about. */
const NEVER_ASKED = new Set(['sub', 'sid', 'auth_time', 'acr', 'amr', 'iss'])

export async function requestedOf(
  params: Record<string, unknown>,
  client: EngineClient,
  { resourceServers, profile }: Deps,
): Promise<Requested> {
  const scopes = [...new Set(String(params['scope'] ?? '').split(' '))].filter(
    (name) => name !== '',
  )
  return {
    openidScopes: scopes.filter(
      (name) => OPENID_SCOPES.has(name) || profile.scopes.some((own) => own.name === name),
    ),
    openidClaims: claimNames(params['claims']).filter((name) => !NEVER_ASKED.has(name)),
    resourceScopes: Object.fromEntries(
      await Promise.all(
        resourcesOf(params).map(async (identifier) => [
          identifier,
          await requestedOfResource(identifier, scopes, client, resourceServers),
        ]),
      ),
    ) as Record<string, string[]>,
  }
}

function resourcesOf({ resource }: Record<string, unknown>): string[] {
  return (Array.isArray(resource) ? resource : [resource]).filter(
    (value): value is string => typeof value === 'string',
  )
}

async function requestedOfResource(
  identifier: string,
  scopes: readonly string[],
  client: EngineClient,
  resourceServers: Lookup,
): Promise<string[]> {
  const server = await resourceServers.find(identifier)
  const assigned = (client['resource_scopes'] as Record<string, string[]> | undefined)?.[identifier]
  const offered = new Set(server?.scopes.map(({ name }) => name))
  return scopes.filter((name) => offered.has(name) && (!assigned || assigned.includes(name)))
}

/** The `authorization_details` parameter (RFC 9396): checked by the engine, text here. */
export function detailsOf({
  authorization_details: details,
}: Record<string, unknown>): AuthorizationDetail[] {
  return typeof details === 'string' ? (JSON.parse(details) as AuthorizationDetail[]) : []
}

/** The `claims` parameter (OpenID Connect Core §5.5): checked by the engine, text here. */
function claimNames(claims: unknown): string[] {
  if (typeof claims !== 'string') return []
  const { userinfo, id_token } = JSON.parse(claims) as Record<string, object | null | undefined>
  return [...new Set([...Object.keys(userinfo ?? {}), ...Object.keys(id_token ?? {})])]
}
