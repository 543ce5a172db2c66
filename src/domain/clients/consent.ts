/** What a person allowed a client, and what of a request goes beyond it. */
export type Consent = Requested & {
  accountId: string
  clientId: string
  grantedAt: Date
  updatedAt: Date
}

export type Requested = {
  openidScopes: readonly string[]
  openidClaims: readonly string[]
  /** Scopes by resource identifier. */
  resourceScopes: Readonly<Record<string, readonly string[]>>
}

/** Requested minus granted. Resources of which nothing is missing do not appear. */
export function missingConsent(
  consent: Requested | undefined,
  requested: Requested,
): {
  openidScopes: string[]
  openidClaims: string[]
  resourceScopes: Record<string, string[]>
} {
  // A map, as a resource may be called like what every object has.
  const granted = new Map(Object.entries(consent?.resourceScopes ?? {}))
  const resources = Object.entries(requested.resourceScopes)
    .map(([resource, scopes]) => [resource, beyond(scopes, granted.get(resource))])
    .filter(([, scopes]) => scopes!.length > 0)
  return {
    openidScopes: beyond(requested.openidScopes, consent?.openidScopes),
    openidClaims: beyond(requested.openidClaims, consent?.openidClaims),
    resourceScopes: Object.fromEntries(resources),
  }
}

function beyond(requested: readonly string[], granted: readonly string[] = []): string[] {
  const known = new Set(granted)
  return [...new Set(requested)].filter((name) => !known.has(name))
}

/** True where nothing is left to ask for. */
export function isNothing({ openidScopes, openidClaims, resourceScopes }: Requested): boolean {
  return (
    openidScopes.length === 0 &&
    openidClaims.length === 0 &&
    Object.values(resourceScopes).every((scopes) => scopes.length === 0)
  )
}
