import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import { JWT_BEARER_GRANT, TOKEN_EXCHANGE_GRANT } from '../../domain/clients/client_metadata.ts'
import type { ResourceServer as Registered } from '../../domain/clients/resource_server.ts'
import { namesResource } from './presets.ts'

/**
 * APIs as OAuth resource servers (RFC 8707). A client gets of an API's scopes what is assigned to
 * it in `resource_scopes`; a client without an assignment may ask on behalf of a person, who then
 * decides, but never on its own behalf, nor where no person is there to decide.
 */

export type ResourceServerLookup = {
  find(identifier: string): Promise<Registered | undefined>
}

export function createResourceIndicators(
  lookup: ResourceServerLookup,
  accessTokenTtlS: number,
  ownersOfDetails: (ctx: KoaContextWithOIDC) => string | string[] | undefined,
) {
  return {
    enabled: true,
    async defaultResource(ctx: KoaContextWithOIDC, client: Client | undefined, oneOf?: string[]) {
      if (oneOf) return oneOf
      const owners = ownersOfDetails(ctx)
      if (owners) return owners as never
      if (ctx.oidc.params?.['grant_type'] === undefined && namesResource(client)) {
        throw new errors.InvalidTarget('resource must name the server that the token is for')
      }
      if (!isUndecided(ctx)) return undefined as never
      return (await soleResourceFor(lookup, client, ctx.oidc.requestParamScopes)) as never
    },
    async getResourceServerInfo(
      ctx: KoaContextWithOIDC,
      identifier: string,
      client: Client,
    ): Promise<ResourceServer> {
      const server = await lookup.find(identifier)
      if (!server) throw new errors.InvalidTarget('unknown resource')
      const scopes = allowedScopes(server, client, isUndecided(ctx))
      if (!scopes) throw new errors.InvalidTarget('resource is not allowed for this client')
      return {
        scope: scopes.join(' '),
        audience: server.identifier,
        accessTokenTTL: server.accessTokenTtlS ?? accessTokenTtlS,
        accessTokenFormat: server.accessTokenFormat,
        ...(server.accessTokenFormat === 'jwt'
          ? { jwt: { sign: { alg: server.signingAlgorithm as 'ES256' } } }
          : {}),
      }
    },
    // Whoever asked with details (RFC 9396) asked for tokens of their API, and not for UserInfo.
    useGrantedResource: async (_ctx: unknown, { rar }: { rar?: unknown[] }) => rar !== undefined,
  }
}

/** Grants at which nobody is asked: the assignment alone says what the client may have. */
const UNDECIDED = new Set(['client_credentials', TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT])

function isUndecided(ctx: KoaContextWithOIDC): boolean {
  return UNDECIDED.has(String(ctx.oidc.params?.['grant_type']))
}

function allowedScopes(
  server: Registered,
  client: Client,
  undecided: boolean,
): string[] | undefined {
  const assigned = (client['resource_scopes'] as Record<string, string[]> | undefined)?.[
    server.identifier
  ]
  const offered = server.scopes.map(({ name }) => name)
  if (assigned) return offered.filter((scope) => assigned.includes(scope))
  return undecided ? undefined : offered
}

/** A service that names scopes but no API means the one assigned to it that has them all. */
async function soleResourceFor(
  lookup: ResourceServerLookup,
  client: Client | undefined,
  scopes: ReadonlySet<string>,
): Promise<string | undefined> {
  const assigned = Object.keys((client?.['resource_scopes'] as object | undefined) ?? {})
  if (!client || scopes.size === 0) return undefined
  const servers = await Promise.all(assigned.map((identifier) => lookup.find(identifier)))
  const candidates = servers.filter((server) => {
    const allowed = server && allowedScopes(server, client, true)
    return allowed && [...scopes].every((scope) => allowed.includes(scope))
  })
  return candidates.length === 1 ? candidates[0]!.identifier : undefined
}
