import { type Adapter, errors, type KoaContextWithOIDC } from 'oidc-provider'
import {
  type AuthorizationDetail,
  isWithin,
  type OwnedDetailsType,
  unreadableFault,
} from '../../domain/clients/authorization_details.ts'
import { compileDetailsSchema } from '../../domain/clients/details_schema.ts'

/**
 * Rich Authorization Requests (RFC 9396). The engine parses `authorization_details` and looks each
 * type up; here is what may be in them, what of them a token carries, and for which API. A person is
 * asked about them in each request (docs/decisions/0015), so what a code holds is what its request
 * said.
 */

type RichToken = {
  rar?: AuthorizationDetail[]
  resourceServer?: { identifier(): string } | undefined
}
type Source = { rar?: AuthorizationDetail[] } | undefined

export function createRichAuthorization(types: readonly OwnedDetailsType[], enabled: boolean) {
  const owners = new Map(types.map(({ type, resource }) => [type, resource]))
  return {
    enabled,
    types: Object.fromEntries(types.map((type) => [type.type, { validate: validatorOf(type) }])),
    authorizationDetailsForGrantSource: (ctx: KoaContextWithOIDC) => askedOf(ctx),
    authorizationDetailsForAccessToken(ctx: KoaContextWithOIDC, token: RichToken, source: Source) {
      const resource = token.resourceServer?.identifier()
      // RFC 9396 §9.1: a token tells an API what concerns it, and no more.
      const details = grantedTo(source, askedOf(ctx)).filter(
        ({ type }) => resource !== undefined && owners.get(type) === resource,
      )
      return details.length > 0 ? details : undefined
    },
    authorizationDetailsForIntrospection: (_ctx: unknown, { rar }: RichToken) => rar,
  }
}

/** What was granted, or as much of it as the token request names (RFC 9396 §6). */
function grantedTo(
  source: Source,
  asked: AuthorizationDetail[] | undefined,
): AuthorizationDetail[] {
  if (!source) return asked ?? []
  const granted = source.rar ?? []
  if (!asked) return granted
  if (!asked.every((detail) => isWithin(detail, granted))) {
    throw refusal('authorization_details go beyond what was granted')
  }
  return asked
}

function validatorOf({ type, schema, resource }: OwnedDetailsType) {
  const faultOf = compileDetailsSchema(schema)
  return (ctx: KoaContextWithOIDC, { type: _, ...members }: AuthorizationDetail) => {
    const fault = faultOf(members) ?? unreadableFault(askedOf(ctx) ?? [])
    if (fault) throw refusal(`authorization details of type ${type} are not acceptable: ${fault}`)
    const resources = [ctx.oidc.params?.['resource'] ?? []].flat()
    if (resources.length > 0 && !resources.includes(resource)) {
      throw refusal(`authorization details type ${type} is not of the requested resource`)
    }
  }
}

/** The engine refuses a whole client for a type that it does not know, and types can be deleted. */
export function onlyKnownTypes(
  adapterFactory: (model: string) => Adapter,
  types: readonly OwnedDetailsType[],
): (model: string) => Adapter {
  const known = new Set(types.map(({ type }) => type))
  return (model) => {
    const adapter = adapterFactory(model)
    if (model !== 'Client') return adapter
    return {
      ...adapter,
      async find(id) {
        const client = await adapter.find(id)
        const listed = client?.['authorization_details_types'] as string[] | undefined
        if (!client || !listed) return client
        return { ...client, authorization_details_types: listed.filter((type) => known.has(type)) }
      },
    }
  }
}

/**
 * The APIs that the details of a request are for: a request that names no `resource` means them.
 * Called once the details have been checked, and before for a request that is refused anyway.
 */
export function createDetailsOwners(types: readonly OwnedDetailsType[]) {
  const owners = new Map(types.map(({ type, resource }) => [type, resource]))
  return (ctx: KoaContextWithOIDC): string | string[] | undefined => {
    const resources = new Set((askedOf(ctx) ?? []).flatMap(({ type }) => owners.get(type) ?? []))
    return resources.size > 1 ? [...resources] : [...resources][0]
  }
}

/** As the engine has checked it: JSON, and a list of objects with a type. */
function askedOf(ctx: KoaContextWithOIDC): AuthorizationDetail[] | undefined {
  const text = ctx.oidc.params?.['authorization_details']
  return typeof text === 'string' ? (JSON.parse(text) as AuthorizationDetail[]) : undefined
}

function refusal(description: string): Error {
  return new errors.InvalidAuthorizationDetails(description)
}
