import { createHash } from 'node:crypto'
import { createReadStream, type WriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { SingleBar } from 'cli-progress'
import { DomainError } from '../../core/errors.ts'
import {
  type ImportProgress,
  type ImportRefusal,
  listImportRefusals,
} from '../../domain/account_import/account_import_store.ts'
import { type ImportFile, importAccounts } from '../../domain/account_import/import_accounts.ts'
import { loadProfile } from '../../domain/accounts/profile/load_profile.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { createHasher } from '../passwords.ts'
import type { CliCommand } from './cli_command.ts'
import { withDatabase } from './command_database.ts'
import { type Answer, wantsJson } from './output.ts'
import { fields } from './text.ts'

/** `authcore user import`: people of another system, with the hashes of their passwords. */

type Options = { report?: string; resume?: boolean; dryRun?: boolean }

const REFUSALS_AT_ONCE = 1_000

export function defineImport(group: CliCommand): void {
  group
    .command('import <file>')
    .summary('import accounts from a file')
    .description(
      'Creates an account for each line of a file of JSON lines, with the hash of its password as another system made it. docs/IMPORT.md tells what a line may say. A line that cannot be imported is reported and left out; nothing is imported twice.',
    )
    .option('--report <file>', 'write the refused lines and why, as JSON lines')
    .option('--resume', 'go on with an import of the same file that was cut off')
    .option('--dry-run', 'change nothing')
    .examples(
      'authcore user import people.jsonl --dry-run --report refused.jsonl',
      'authcore user import people.jsonl --report refused.jsonl',
      'authcore user import people.jsonl --report refused.jsonl --resume',
    )
    .answers(([file], options: Options) => importFile(file!, options))
}

async function importFile(path: string, options: Options): Promise<Answer> {
  // Lines come and go; V8 would let the space for what comes and goes grow to a hundred megabytes.
  setFlagsFromString('--semi-space-growth-factor=1')
  const sizeBytes = await sizeOf(path)
  const file = { digest: await digestOf(path), read: (start: number) => bytesOf(path, start) }
  const report = options.report === undefined ? undefined : await openReport(options.report)
  return await withDatabase(async ({ db, clock, config }) => {
    const profile = await loadProfile(config)
    const deps = { db, clock, profile, passwords: createHasher(config) }
    const bar = progressBar(sizeBytes)
    try {
      const result = await importAccounts(deps, file, {
        ...options,
        onProgress: ({ position, imported, refused }) =>
          bar?.update(position, { imported, refused }),
        ...(options.dryRun ? { onRefused: (refusal) => void report?.write(lineOf(refusal)) } : {}),
      })
      if (!options.dryRun && report) await writeReport(db, file, report)
      else report?.end()
      return answerOf(result, options)
    } finally {
      bar?.stop()
    }
  })
}

function bytesOf(path: string, start: number): AsyncIterable<Buffer> {
  return createReadStream(path, { start })
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw unusableFile(path, cause)
  })
  if (found.isFile()) return found.size
  // It is read twice, once to know it again.
  throw new DomainError('invalid_input', `${path} is not a file.`, {
    hint: 'A pipe cannot be gone on with: write it to a file first.',
  })
}

async function digestOf(path: string): Promise<Buffer> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash).catch((cause: NodeJS.ErrnoException) => {
    throw unusableFile(path, cause)
  })
  return hash.digest()
}

/** Opened before anything is imported, so that a report that cannot be written costs nothing. */
async function openReport(path: string): Promise<WriteStream> {
  const file = await open(path, 'w', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw unusableFile(path, cause)
  })
  return file.createWriteStream()
}

function unusableFile(path: string, cause: NodeJS.ErrnoException): DomainError {
  return new DomainError('invalid_input', `${path} cannot be used (${cause.code}).`, { cause })
}

/** All that were refused of this file, also those before an interruption. */
async function writeReport(db: Db, { digest }: ImportFile, report: WriteStream): Promise<void> {
  await pipeline(Readable.from(reportLines(db, digest)), report)
}

async function* reportLines(db: Db, digest: Buffer): AsyncGenerator<string> {
  let after = 0
  for (;;) {
    const refusals = await listImportRefusals(db, digest, { after, limit: REFUSALS_AT_ONCE })
    yield* refusals.map(lineOf)
    if (refusals.length < REFUSALS_AT_ONCE) return
    after = refusals.at(-1)!.line
  }
}

function lineOf({ line, reason, detail }: ImportRefusal): string {
  return `${JSON.stringify({ line, reason, detail })}\n`
}

/** On stderr, for a person who waits. */
function progressBar(total: number): SingleBar | undefined {
  if (!process.stderr.isTTY || wantsJson()) return undefined
  const bar = new SingleBar({
    format: '{bar} {percentage} %  {imported} imported, {refused} refused  {eta_formatted} left',
    stream: process.stderr,
    hideCursor: true,
  })
  bar.start(total, 0, { imported: 0, refused: 0 })
  return bar
}

function answerOf(
  { lines, imported, refused }: ImportProgress,
  { report, dryRun }: Options,
): Answer {
  const text = fields([
    ['lines', lines],
    [dryRun ? 'would import' : 'imported', imported],
    ['refused', refused],
    ['report', refused > 0 ? (report ?? 'none: say --report <file>') : undefined],
  ])
  return { data: { lines, imported, refused, dry_run: dryRun ?? false }, text }
}
