import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatDurationS } from '../../core/duration.ts'
import {
  configurationReference,
  type EffectiveSetting,
  effectiveConfig,
} from '../../platform/config/describe_config.ts'
import { loadConfig } from '../../platform/config/load_config.ts'
import { withSecrets } from '../../platform/config/own_secrets.ts'
import type { ConfigBeforeSecrets } from '../../platform/config/schema.ts'
import { settingTable } from '../../platform/config/setting_table.ts'
import type { CliCommand } from './cli_command.ts'
import type { Answer } from './output.ts'
import { table } from './text.ts'

/** `authcore config`: what is in force, and what there is to set. */

export function defineConfigCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('check')
    .summary('check the configuration and print what is in force')
    .description(
      'Reads the configuration as a start would and prints what is in force, with its secrets blacked out. Names every fault at once where there are any.',
    )
    .examples('NODE_ENV=production ISSUER=https://login.example.com authcore config check')
    .answers(async () => check(readConfig()))
  group
    .command('reference')
    .summary('print every setting')
    .description('Prints the reference of all settings: docs/CONFIGURATION.md.')
    .examples('authcore config reference > docs/CONFIGURATION.md')
    .answers(async () => ({
      data: { settings: describeSettings() },
      text: configurationReference(),
    }))
}

function readConfig(): ConfigBeforeSecrets {
  const config = loadConfig()
  // Looked at where they are, but a check makes no secrets.
  if (existsSync(join(config.storage.dataDir, 'secrets.json'))) withSecrets(config)
  return config
}

function check(config: ConfigBeforeSecrets): Answer {
  const settings = effectiveConfig(config)
  const rows = settings.map(({ key, path, value }) => [key, textOf(path, value)])
  return {
    data: { environment: config.environment, settings },
    text: `${table(['setting', 'value'], [['NODE_ENV', config.environment], ...rows], '')}\n\nThe configuration is good.`,
  }
}

/** Settings in seconds are named so (`accessTokenS`) and are shown as they are written. */
function textOf(path: EffectiveSetting['path'], value: unknown): string {
  if (value === null) return '-'
  if (typeof value === 'number' && path.endsWith('S')) return formatDurationS(value)
  return Array.isArray(value) ? value.join(',') : String(value)
}

function describeSettings() {
  return settingTable.map(({ env, path, doc, secret, defaultDoc }) => ({
    key: env,
    path,
    secret: secret === true,
    meaning: doc,
    ...(defaultDoc === undefined ? {} : { default: defaultDoc }),
  }))
}
