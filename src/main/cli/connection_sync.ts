import { setFlagsFromString } from 'node:v8'
import { SingleBar } from 'cli-progress'
import { InvalidArgumentError } from 'commander'
import { DomainError } from '../../core/errors.ts'
import { loadProfile } from '../../domain/accounts/profile/load_profile.ts'
import { previewSync } from '../../domain/directory_sync/dry_run.ts'
import {
  type SyncOptions,
  type SyncResult,
  syncDirectory,
} from '../../domain/directory_sync/sync_directory.ts'
import type { SyncCounts, SyncRun } from '../../domain/directory_sync/sync_run_store.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import type { Connector } from '../../domain/federation/connector.ts'
import { countIdentities } from '../../domain/federation/identity_store.ts'
import { readShare } from '../../domain/federation/sync_settings.ts'
import type { CliCommand } from './cli_command.ts'
import { type Workplace, withDatabase } from './command_database.ts'
import { endAccess } from './end_access.ts'
import { getConnection, kindOf, withConnector } from './open_connection.ts'
import { type Answer, wantsJson } from './output.ts'
import { fields } from './text.ts'

/** `authcore connection sync`: a directory is gone through now. */

type Options = { dryRun?: boolean; maxAbsent?: string }

export function defineSync(group: CliCommand): void {
  group
    .command('sync <name>')
    .summary('go through a directory now')
    .description(
      'Asks a directory for everybody, and does what its connection says: who is known is told anew, who is new gets an account where the file says so, who is disabled there or gone loses their access here. A run that was cut off is gone on with. Where too many are missing, nobody loses anything.',
    )
    .option('--dry-run', 'change nothing')
    .option(
      '--max-absent <share>',
      'how many may lose their access this time, such as 30%; 100% for as many as it takes',
      share,
    )
    .examples(
      'authcore connection sync staff --dry-run',
      'authcore connection sync staff',
      'authcore connection sync staff --max-absent 100%',
    )
    .answers(([name], options: Options) => sync(name!, options))
}

function share(text: string): string {
  const read = readShare(text)
  if (read !== undefined) return read
  throw new InvalidArgumentError('Write a share from 0% to 100%.')
}

async function sync(name: string, options: Options): Promise<Answer> {
  // Pages come and go; V8 would let the space for what comes and goes grow to a hundred megabytes.
  setFlagsFromString('--semi-space-growth-factor=1')
  return await withDatabase(async (place) => {
    const connection = await getConnection(place, name)
    assertMayRun(connection, options)
    const result = await withConnector(place, connection, (connector) =>
      run(place, { connection, connector, options }),
    )
    return answerOf(connection, result, options)
  })
}

/** Without the word of its file nobody loses anything; what would be may be looked at first. */
function assertMayRun({ name, status, definition }: Connection, { dryRun }: Options): void {
  if (dryRun) return
  if (status === 'disabled') {
    throw new DomainError('conflict', `The connection ${name} is disabled.`, {
      hint: `Say first: authcore connection enable ${name}`,
    })
  }
  if (definition.sync) return
  throw new DomainError('conflict', `The file of ${name} does not say that it is gone through.`, {
    hint: 'Write `sync: {}` into it, or look first with --dry-run.',
  })
}

async function run(
  place: Workplace,
  input: { connection: Connection; connector: Connector; options: Options },
): Promise<Omit<SyncResult, 'runId'>> {
  const { connection, connector, options } = input
  const kind = await kindOf(connection)
  const deps = {
    ...{ db: place.db, clock: place.clock, endAccess },
    profile: await loadProfile(place.config),
    phoneCountry: place.config.signIn.phoneCountry,
    connections: { kindOf: () => kind, open: async () => connector },
  }
  const bar = progressBar(await countIdentities(place.db, connection.id))
  const asked: SyncOptions = {
    maxAbsent: options.maxAbsent,
    onProgress: (counts) => showProgress(bar, counts),
  }
  try {
    if (options.dryRun) return await previewSync(deps, connection, asked)
    return await syncDirectory(deps, connection, asked)
  } finally {
    bar?.stop()
  }
}

/** On stderr, for a person who waits. How many there are is known when they are there: `expected` is a guess. */
function progressBar(expected: number): SingleBar | undefined {
  if (!process.stderr.isTTY || wantsJson()) return undefined
  const bar = new SingleBar({
    format: '{bar}  {value} seen, {created} created, {changed} changed, {disabled} disabled',
    stream: process.stderr,
    hideCursor: true,
  })
  bar.start(Math.max(expected, 1), 0, { created: 0, changed: 0, disabled: 0 })
  return bar
}

function showProgress(bar: SingleBar | undefined, counts: SyncCounts): void {
  if (!bar) return
  const { seen, created, changed, disabled } = counts
  if (seen > bar.getTotal()) bar.setTotal(seen)
  bar.update(seen, { created, changed, disabled })
}

const HINTS: Readonly<Record<string, string>> = {
  too_many_absent:
    'Look at the filter and the base first; then say --max-absent with what is right.',
  nobody_listed: 'Look at the filter, the base and what bind_dn may read.',
}

/** @throws DomainError where the directory was not gone through to its end */
function answerOf(
  { name }: Connection,
  { outcome, reason, detail, counts }: Omit<SyncResult, 'runId'>,
  { dryRun = false }: Options,
): Answer {
  if (outcome === 'failed') {
    const code = reason === 'unavailable' ? 'unavailable' : 'conflict'
    throw new DomainError(code, `Nobody has lost anything: ${reason} (${detail}).`, {
      hint: HINTS[reason!] ?? `Try: authcore connection test ${name}`,
    })
  }
  return {
    data: { name, ...countsData(counts), dry_run: dryRun },
    text: fields(countRows(counts, dryRun ? 'would be ' : '')),
  }
}

function countsData({ leftAlone, ...counts }: SyncCounts) {
  return { ...counts, left_alone: leftAlone }
}

function countRows(counts: SyncCounts, would = ''): [string, unknown][] {
  return [
    ['seen', counts.seen],
    [`${would}created`, counts.created],
    [`${would}changed`, counts.changed],
    [`${would}disabled`, counts.disabled],
    [`${would}enabled`, counts.enabled],
    ...Object.entries(counts.leftAlone).map(([reason, count]): [string, unknown] => [
      `left alone: ${reason}`,
      count,
    ]),
  ]
}

/** The last run, as `connection show` tells it. */
export function runData({ startedAt, endedAt, outcome, reason, detail, counts }: SyncRun) {
  return {
    started_at: startedAt,
    ended_at: endedAt ?? null,
    outcome: outcome ?? 'running',
    reason: reason ?? null,
    detail: detail ?? null,
    ...countsData(counts),
  }
}

export function runRows({
  startedAt,
  outcome,
  reason,
  detail,
  counts,
}: SyncRun): [string, unknown][] {
  return [
    ['last run', startedAt],
    ['outcome', [outcome ?? 'running', reason, detail].filter(Boolean).join(', ')],
    ...countRows(counts),
  ]
}
