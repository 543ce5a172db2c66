import { DomainError } from '../../core/errors.ts'
import { ConfigError } from '../../platform/config/config_error.ts'
import { loadConfig } from '../../platform/config/load_config.ts'
import type { ConfigBeforeSecrets } from '../../platform/config/schema.ts'
import type { CliCommand } from './cli_command.ts'
import { missingDatabase, openQuietly, unusable } from './command_database.ts'
import { checkDatabase } from './doctor/check_database.ts'
import { checkFiles } from './doctor/check_files.ts'
import { checkHashing } from './doctor/check_hashing.ts'
import { checkIssuer } from './doctor/check_issuer.ts'
import { checkKeys } from './doctor/check_keys.ts'
import { checkOutbox } from './doctor/check_outbox.ts'
import { checkPasskeyMetadata } from './doctor/check_passkey_metadata.ts'
import { checkRedis } from './doctor/check_redis.ts'
import { bad, type Finding, ok, warn } from './doctor/finding.ts'
import type { Answer } from './output.ts'
import { visible } from './text.ts'

/**
 * `authcore doctor`: one look at everything a deployment rests on. It changes nothing and makes
 * nothing; each thing it looks at is a file in `doctor/`.
 */

const NODE_MIN = 24

export function defineDoctor(command: CliCommand): void {
  command
    .description(
      'Checks Node, what hashes passwords, the configuration, files, the database, Redis, the issuer, signing keys and the event outbox. One line for each: ok, warn or fail, and what to do. Exit code 1 where something fails.',
    )
    .examples('authcore doctor', 'authcore doctor --json')
    .answers(async () => answer([checkNode(), checkHashing(), ...(await checkDeployment())]))
}

function checkNode(): Finding {
  const { node } = process.versions
  return Number.parseInt(node, 10) < NODE_MIN
    ? bad('node', `Node ${node} is too old`, `Run with Node ${NODE_MIN} or newer.`)
    : ok('node', `Node ${node}`)
}

async function checkDeployment(): Promise<Finding[]> {
  const config = readConfig()
  if (!('server' in config)) return config
  const [database, redis, issuer] = await Promise.all([
    checkStored(config),
    checkRedis(config.storage),
    checkIssuer(config.server.issuer),
  ])
  return [
    ok('configuration', `good, for ${config.environment}`),
    ...checkFiles(config),
    ...(await checkPasskeyMetadata(config)),
    ...database,
    ...redis,
    issuer,
  ]
}

function readConfig(): ConfigBeforeSecrets | Finding[] {
  try {
    return loadConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ key, problem, remedy }) =>
      bad('configuration', `${key} ${problem}`, remedy),
    )
  }
}

/** The database and what is in it. */
async function checkStored(config: ConfigBeforeSecrets): Promise<Finding[]> {
  // A look must not create one.
  if ((await missingDatabase(config)) !== undefined) {
    return [
      warn(
        'database',
        'there is no embedded database yet',
        'The first start of the server makes it.',
      ),
    ]
  }
  const findings: Finding[] = []
  try {
    const storage = await openQuietly(config)
    try {
      findings.push(...(await checkDatabase(storage.db)))
      // Without its tables there is nothing more to look at.
      if (findings.every(({ check, status }) => check !== 'schema' || status === 'ok')) {
        findings.push(...(await checkKeys(storage.db, config)), await checkOutbox(storage.db))
      }
    } finally {
      await storage.close()
    }
  } catch (error) {
    findings.push(failed(error))
  }
  return findings
}

function failed(error: unknown): Finding {
  const told = unusable(error)
  const remedy = 'Check DATABASE_URL, and that this machine may connect there.'
  if (told === error && error instanceof DomainError) {
    return bad('database', error.message, error.hint ?? remedy)
  }
  return bad('database', (told as Error).message, remedy)
}

function answer(checks: readonly Finding[]): Answer {
  const healthy = checks.every(({ status }) => status !== 'fail')
  return {
    data: { healthy, checks },
    text: `${checks.map((finding) => line(finding, widthOf(checks))).join('\n')}\n\n${summary(checks)}`,
    exitCode: healthy ? 0 : 1,
  }
}

function widthOf(checks: readonly Finding[]): number {
  return Math.max(...checks.map(({ check }) => check.length))
}

function line({ check, status, message, remedy }: Finding, width: number): string {
  const first = `${status.padEnd(4)}  ${check.padEnd(width)}  ${visible(message)}`
  return remedy === undefined ? first : `${first}\n${' '.repeat(width + 8)}→ ${visible(remedy)}`
}

function summary(checks: readonly Finding[]): string {
  const count = (status: Finding['status']) =>
    checks.filter((finding) => finding.status === status).length
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed.`
}
