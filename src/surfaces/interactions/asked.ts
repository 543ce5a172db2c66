import { wordsIn } from '../../domain/accounts/profile/attribute.ts'
import { type Profile, scopeOfClaim } from '../../domain/accounts/profile/profile.ts'
import type { AuthorizationDetail } from '../../domain/clients/authorization_details.ts'
import type { Requested } from '../../domain/clients/consent.ts'
import { showDetail } from '../../domain/clients/details_shown.ts'
import { listAuthorizationDetailsTypes } from '../../domain/clients/resource_server_store.ts'
import type { ConsentLocals, ScopeView } from '../../platform/templating/views.ts'
import type { InteractionDeps } from './mount.ts'

/** What is asked of a person, in words. */
export type Asked = Pick<ConsentLocals, 'scopes' | 'resources' | 'details'>

/** Undefined where a type of details was deleted meanwhile: what nobody can read is not asked. */
export async function askedOf(
  deps: InteractionDeps,
  requested: Requested,
  authorizationDetails: readonly AuthorizationDetail[],
  locale: string,
): Promise<Asked | undefined> {
  const details = await shownDetails(deps, authorizationDetails, locale)
  return (
    details && {
      scopes: scopesToName(requested, deps.profile).map((name) =>
        scopeViewOf(name, deps.profile, locale),
      ),
      resources: await resourcesOf(deps, requested.resourceScopes),
      details,
    }
  )
}

async function shownDetails(
  deps: InteractionDeps,
  details: readonly AuthorizationDetail[],
  locale: string,
): Promise<ConsentLocals['details'] | undefined> {
  if (details.length === 0) return []
  const types = await listAuthorizationDetailsTypes(
    deps.db,
    details.map(({ type }) => type),
  )
  const shown = await Promise.all(
    details.map(async (detail) => {
      const type = types.find((each) => each.type === detail.type)
      if (!type) return undefined
      const server = await deps.resourceServers.find(type.resource)
      return { ...showDetail(detail, type, locale), resource: server?.name ?? type.resource }
    }),
  )
  const readable = shown.filter((detail) => detail !== undefined)
  return readable.length === details.length ? readable : undefined
}

/** The words of a scope of the deployment's own are in its schema. */
function scopeViewOf(name: string, { scopes }: Profile, locale: string): ScopeView {
  const own = scopes.find((scope) => scope.name === name)
  if (!own) return { name }
  const description = wordsIn(own.descriptions, locale)
  return { name, title: wordsIn(own.titles, locale), description }
}

/** A claim that is asked for by itself is told as the scope that would release it. */
function scopesToName({ openidScopes, openidClaims }: Requested, profile: Profile): string[] {
  const ofClaims = openidClaims.map(
    (name) => scopeOfClaim(profile, name) ?? /^(email|phone|address)/.exec(name)?.[1] ?? 'profile',
  )
  const all = [...new Set([...openidScopes, ...ofClaims])]
  return all.filter((name) => name !== 'openid' || all.length === 1)
}

async function resourcesOf(
  deps: InteractionDeps,
  resourceScopes: Readonly<Record<string, readonly string[]>>,
): Promise<ConsentLocals['resources']> {
  return await Promise.all(
    Object.entries(resourceScopes)
      .filter(([, scopes]) => scopes.length > 0)
      .map(async ([identifier, scopes]) => {
        const server = await deps.resourceServers.find(identifier)
        const described = new Map(server?.scopes.map((scope) => [scope.name, scope.description]))
        return {
          name: server?.name ?? identifier,
          scopes: scopes.map((name) => ({ name, description: described.get(name) })),
        }
      }),
  )
}
