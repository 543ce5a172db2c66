import type { z } from 'zod'
import { formatDurationS } from '../../core/duration.ts'
import type { ConfigBeforeSecrets, configSchema } from './schema.ts'
import { type SettingRow, settingTable } from './setting_table.ts'

/** Prints the configuration: the effective one with its secrets blacked out, and the reference page. */

export type EffectiveSetting = { key: string; path: string; value: unknown }

/** Every setting with the value in force; a secret that is set reads `[redacted]`. */
export function effectiveConfig(config: ConfigBeforeSecrets): EffectiveSetting[] {
  return settingTable.map((row) => {
    const value = (config as unknown as Record<string, Record<string, unknown>>)[row.section]?.[
      row.name
    ]
    const empty = value === undefined || (Array.isArray(value) && value.length === 0)
    return {
      key: row.env,
      path: row.path,
      value: empty ? null : row.secret ? '[redacted]' : value,
    }
  })
}

const SECTION_TITLES: Readonly<Record<keyof typeof configSchema.shape, string>> = {
  server: 'Server',
  storage: 'Storage',
  security: 'Keys and security',
  signIn: 'Signing in',
  risk: 'Places and unusual sign-ins',
  passkeys: 'Passkeys',
  passwords: 'Passwords',
  tokens: 'Lifetimes',
  protocols: 'Protocols',
  mutualTls: 'Mutual TLS',
  messaging: 'Messages to people',
  brand: 'Brand',
  demo: 'Demonstration',
}

/** The text of docs/CONFIGURATION.md. A test compares it with the file. */
export function configurationReference(): string {
  const sections = Object.entries(SECTION_TITLES).map(([section, title]) => {
    const rows = settingTable.filter((row) => row.section === section).map(referenceRow)
    return [
      `## ${title}`,
      '',
      '| Environment | File | Default | Meaning |',
      '| --- | --- | --- | --- |',
      ...rows,
    ].join('\n')
  })
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}

function referenceRow(row: SettingRow): string {
  const name = row.secret ? `\`${row.env}\`<br>\`${row.env}_FILE\`` : `\`${row.env}\``
  return `| ${name} | \`${row.path}\` | ${defaultOf(row)} | ${row.doc} |`
}

function defaultOf(row: SettingRow): string {
  if (row.defaultDoc) return row.defaultDoc
  const parsed = (row.schema as z.ZodType).safeParse(undefined)
  const value = parsed.success ? parsed.data : undefined
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return 'none'
  if (row.name.endsWith('S') && typeof value === 'number' && row.section !== 'tokens') {
    return `\`${formatDurationS(value)}\``
  }
  if (row.section === 'tokens' && typeof value === 'number') {
    return `\`${row.name === 'clockToleranceS' ? value : formatDurationS(value)}\``
  }
  return `\`${Array.isArray(value) ? value.join(',') : String(value)}\``
}

const INTRODUCTION = `# Configuration

This page is printed from the schema in \`src/platform/config\` by \`authcore config reference\`; a test fails when it is stale.

AuthCore reads its configuration once, at the start: an optional YAML or JSON file named by
\`AUTHCORE_CONFIG\`, whose keys are the names of the column *File*, and over it the environment. Every
secret may also be read from a file: \`AUTHCORE_HASH_KEY_FILE=/run/secrets/hash_key\`. Unknown
\`AUTHCORE_*\` variables, unknown keys in the file, contradictions and weak secrets refuse the start,
all of them in one message. Durations are written \`90s\`, \`15m\`, \`24h\`, \`14d\` or as seconds; lists are
comma separated in the environment and arrays in the file.

\`authcore config check\` prints the effective configuration with its secrets blacked out.
\`NODE_ENV=production\` switches on the strict rules: an https issuer, a database and secrets of your
own, no demonstration.

\`\`\`yaml
server:
  issuer: https://login.example.com
  trustedProxies: [10.0.0.0/8]
tokens:
  accessTokenS: 5m
brand:
  name: Example
  accent: '#3b5bdb'
\`\`\``
