import { PROFILES, type Profile, type ProfileName, type Variant } from '../tables/profiles.ts'

/** One plan of the suite in one variant, under an alias: what is created, run and reported as one. */
export type Planned = {
  /** Names it in files and reports: `fapi2-sp-mtls-dpop`. */
  key: string
  profile: ProfileName
  definition: Profile
  variant: Variant
  /** Exclusive in the suite: a second test on it ends the first. */
  alias: string
}

export type AliasOptions = {
  /** Begins every alias; they are shared by everybody who uses the same suite. */
  aliasPrefix: string
  /** Puts all plans on the prefix itself, which makes them wait for one another. */
  oneAlias: boolean
}

export function plannedFor(
  profiles: readonly ProfileName[],
  { aliasPrefix, oneAlias }: AliasOptions,
): Planned[] {
  return profiles.flatMap((profile) => {
    const definition: Profile = PROFILES[profile]
    return definition.variants.map((variant) => {
      const key = [profile, ...wordsOf(variant, definition)].join('-')
      return {
        key,
        profile,
        definition,
        variant,
        alias: oneAlias ? aliasPrefix : `${aliasPrefix}-${key}`,
      }
    })
  })
}

/** What tells the variants of one profile apart. */
function wordsOf(variant: Variant, { variants }: Profile): string[] {
  const differing = Object.keys(variant).filter(
    (name) => new Set(variants.map((other) => other[name])).size > 1,
  )
  return differing.map((name) => variant[name]!.replaceAll('_', ''))
}

/** Those that may share a server, because they want the same settings. */
export function bySettings(plans: readonly Planned[]): Planned[][] {
  const wanted = ({ definition }: Planned) =>
    JSON.stringify(Object.entries(definition.settings).sort())
  return [...Map.groupBy(plans, wanted).values()]
}
