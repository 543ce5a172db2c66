import { settingTable } from '../../src/platform/config/setting_table.ts'

/** What files of a deployment may set. */

/** Variables that the loader knows besides the settings. */
const OTHER_VARIABLES = ['NODE_ENV', 'AUTHCORE_CONFIG']
const variables = new Set([
  ...OTHER_VARIABLES,
  ...settingTable.flatMap(({ env, secret }) => (secret ? [env, `${env}_FILE`] : [env])),
])

export const secretSettings = new Set(
  settingTable.filter((row) => row.secret).map(({ env }) => env),
)

/** Names that would make the server refuse to start, or do nothing. */
export function unknownVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => !variables.has(name))
}

/** The default of a duration, in seconds. */
export function defaultS(variable: string): number {
  return Number(settingTable.find(({ env }) => env === variable)?.schema.parse(undefined))
}

/** A value as the loader reads it. */
export function read(variable: string, value: string): unknown {
  return settingTable.find(({ env }) => env === variable)?.schema.parse(value)
}
