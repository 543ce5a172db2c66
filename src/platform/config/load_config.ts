import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { z } from 'zod'
import { ConfigError, type ConfigFault } from './config_error.ts'
import { checkContradictions } from './contradictions.ts'
import { type ConfigBeforeSecrets, configSchema, type Environment } from './schema.ts'
import { asksEverybody } from './sections/sign_in.ts'
import { settingTable } from './setting_table.ts'

/**
 * Reads the configuration once: an optional YAML or JSON file named by AUTHCORE_CONFIG, then the
 * environment over it, where every secret may also come from the file named by its `*_FILE` twin.
 * This is the only place that reads `process.env`.
 */

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>
type Sections = Record<string, Record<string, unknown>>

const OWN_KEYS = new Set(['AUTHCORE_CONFIG', 'NODE_ENV'])

/** @throws ConfigError naming every fault: unknown keys, bad values, contradictions, weak secrets */
export function loadConfig(env: EnvironmentVariables = process.env): ConfigBeforeSecrets {
  const faults: ConfigFault[] = []
  const written = overlay(readFile(env, faults), readEnvironment(env, faults))
  const environment = environmentOf(env, faults)
  const parsed = configSchema.safeParse(written)
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap(describeIssue))
  if (!parsed.success) throw new ConfigError(faults)
  const config = decide(environment, parsed.data, env)
  faults.push(...checkContradictions(config))
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

function environmentOf(env: EnvironmentVariables, faults: ConfigFault[]): Environment {
  const value = env['NODE_ENV'] ?? 'development'
  if (value === 'production' || value === 'development' || value === 'test') return value
  faults.push({
    key: 'NODE_ENV',
    problem: `is ${JSON.stringify(value)}`,
    remedy: 'Set it to production, development or test.',
  })
  // An unknown environment is held to the strictest rules.
  return 'production'
}

function decide(
  environment: Environment,
  written: z.output<typeof configSchema>,
  env: EnvironmentVariables,
): ConfigBeforeSecrets {
  const production = environment === 'production'
  const demo =
    written.demo.enabled ??
    (environment === 'development' && written.storage.databaseUrl === undefined)
  return {
    ...written,
    environment,
    server: {
      ...written.server,
      issuer: written.server.issuer ?? `http://localhost:${written.server.port}`,
      host: written.server.host ?? (production ? '0.0.0.0' : '127.0.0.1'),
      drainDelayS: written.server.drainDelayS ?? (production ? 5 : 0),
      logPretty:
        written.server.logPretty ??
        (!production && env['TERM'] !== undefined && process.stdout.isTTY === true),
    },
    passwords: {
      ...written.passwords,
      minLength: written.passwords.minLength ?? (asksEverybody(written.signIn.mfa) ? 8 : 15),
    },
    signIn: { ...written.signIn, signUp: written.signIn.signUp ?? (demo ? 'open' : 'closed') },
    demo: { ...written.demo, enabled: demo },
  }
}

/** A variable that a file of the deployment refers to; undefined where it is not there. */
export function environmentVariable(name: string): string | undefined {
  return process.env[name]
}

function readFile(env: EnvironmentVariables, faults: ConfigFault[]): Sections {
  const path = env['AUTHCORE_CONFIG']
  if (!path) return {}
  try {
    // Loaded only where there is a file: ten megabytes that most deployments never need.
    const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml')
    const content: unknown = parse(readFileSync(path, 'utf8')) ?? {}
    if (isSections(content)) return content
    throw new Error('its top level must be a mapping of sections')
  } catch (cause) {
    faults.push({
      key: 'AUTHCORE_CONFIG',
      problem: `the file ${path} cannot be used: ${(cause as Error).message}`,
      remedy: 'Name a readable YAML or JSON file laid out as docs/CONFIGURATION.md shows.',
    })
    return {}
  }
}

function isSections(value: unknown): value is Sections {
  const isMapping = (part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
  return isMapping(value) && Object.values(value as object).every(isMapping)
}

function readEnvironment(env: EnvironmentVariables, faults: ConfigFault[]): Sections {
  const sections: Sections = {}
  for (const row of settingTable) {
    const value = readVariable(env, row.env, row.secret === true, faults)
    if (value !== undefined) sections[row.section] = { ...sections[row.section], [row.name]: value }
  }
  const known = new Set(
    settingTable.flatMap((row) => [row.env, ...(row.secret ? [`${row.env}_FILE`] : [])]),
  )
  for (const key of Object.keys(env)) {
    if (key.startsWith('AUTHCORE_') && !known.has(key) && !OWN_KEYS.has(key)) {
      faults.push({
        key,
        problem: 'is not a setting',
        remedy: `Remove it, or correct its name${suggest(key, known)}.`,
      })
    }
  }
  return sections
}

function readVariable(
  env: EnvironmentVariables,
  name: string,
  secret: boolean,
  faults: ConfigFault[],
): string | undefined {
  // An empty variable is what compose files pass for "not set".
  const direct = env[name] || undefined
  const path = secret ? env[`${name}_FILE`] || undefined : undefined
  if (path === undefined) return direct
  if (direct !== undefined) {
    faults.push({
      key: name,
      problem: `is set together with ${name}_FILE`,
      remedy: 'Keep one of the two.',
    })
    return direct
  }
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    faults.push({
      key: `${name}_FILE`,
      problem: `the file cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
      remedy: `Make ${path} readable for the server, or remove the variable.`,
    })
    return undefined
  }
}

function suggest(key: string, known: ReadonlySet<string>): string {
  const near = [...known].find((name) => name.includes(key) || key.includes(name))
  return near ? ` (did you mean ${near}?)` : ''
}

function overlay(below: Sections, above: Sections): Sections {
  const names = new Set([...Object.keys(below), ...Object.keys(above)])
  return Object.fromEntries([...names].map((name) => [name, { ...below[name], ...above[name] }]))
}

function describeIssue(issue: z.core.$ZodIssue): ConfigFault[] {
  if (issue.code === 'unrecognized_keys') {
    const section = issue.path.join('.')
    return issue.keys.map((key) => ({
      key: section ? `${section}.${key}` : key,
      problem: 'is not a setting',
      remedy: 'Remove it from the configuration file, or correct its name.',
    }))
  }
  const row = settingTable.find((candidate) => candidate.path === issue.path.slice(0, 2).join('.'))
  return [
    {
      key: row ? row.env : issue.path.join('.'),
      problem: issue.message,
      remedy: row ? row.doc : 'See docs/CONFIGURATION.md.',
    },
  ]
}
