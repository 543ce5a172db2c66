import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { accountCreated } from '../../platform/events/catalogue.ts'
import { appendEvents } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Profile } from '../accounts/profile/profile.ts'
import type { PasswordHasher } from '../credentials/password/password_hash.ts'
import {
  advanceImport,
  deleteImportsBefore,
  findImport,
  type ImportProgress,
  type ImportRefusal,
  insertAccounts,
  insertImport,
  insertImportRefusals,
} from './account_import_store.ts'
import { type ImportedAccount, readImportedAccount } from './imported_account.ts'
import { type Line, readLines } from './read_lines.ts'

/**
 * People of another system, from a file of JSON lines. The file is read as a stream and stored in
 * batches; each batch is one transaction of accounts, passwords, events, refusals and the position in
 * the file, so that an import that was cut off anywhere goes on where it stood and nobody is made
 * twice (docs/decisions/0023-imports-remember-their-position.md).
 */
export type ImportFile = {
  /** SHA-256 of its content. */
  digest: Buffer
  /** The bytes from this position to the end. */
  read(from: number): AsyncIterable<Buffer>
}

export type ImportOptions = {
  /** Go on with an import of the same file that did not come to its end. */
  resume?: boolean
  /** Store nothing. */
  dryRun?: boolean
  onProgress?: (progress: ImportProgress) => void
  /** Told of those of this run. */
  onRefused?: (refusal: ImportRefusal) => void
}

export type ImportDeps = {
  db: Db
  clock: Clock
  passwords: Pick<PasswordHasher, 'hash'>
  /** Whose attributes a line may name; none where it is absent. */
  profile?: Profile
}

const BATCH_LINES = 500
const LINE_MAX_BYTES = 65_536
const REMEMBERED_DAYS = 30
/** Passwords in the clear that are hashed at once; the gate of the hasher refuses a crowd. */
const HASHED_AT_ONCE = 8

/**
 * Imports what of the file is not imported yet; of a file that is, nothing.
 *
 * @throws DomainError `conflict` where an earlier import of the file was cut off and `resume` is not
 *   said, or where another one is running
 */
export async function importAccounts(
  deps: ImportDeps,
  file: ImportFile,
  options: ImportOptions = {},
): Promise<ImportProgress> {
  let progress = await begin(deps, file, options)
  if (progress.finishedAt) return progress
  const { position, lines } = progress
  const source = readLines(file.read(position), { position, lines, maxBytes: LINE_MAX_BYTES })
  for await (const batch of inBatches(source, BATCH_LINES)) {
    progress = await importBatch(deps, file, batch, progress, options)
    options.onProgress?.(progress)
  }
  return await finish(deps, file, progress, options)
}

const BEGINNING: ImportProgress = {
  position: 0,
  lines: 0,
  imported: 0,
  refused: 0,
  finishedAt: undefined,
}

async function begin(
  { db, clock }: ImportDeps,
  { digest }: ImportFile,
  { resume, dryRun }: ImportOptions,
): Promise<ImportProgress> {
  if (dryRun) return BEGINNING
  const now = clock.now()
  await deleteImportsBefore(db, new Date(now.getTime() - REMEMBERED_DAYS * 86_400_000))
  if (await insertImport(db, digest, now)) return BEGINNING
  const known = await findImport(db, digest)
  if (known && (resume || known.finishedAt || known.lines === 0)) return known
  throw new DomainError('conflict', 'An import of this file was cut off.', {
    hint: `${known?.lines ?? 0} lines are imported. Say --resume to go on with the next.`,
  })
}

async function importBatch(
  deps: ImportDeps,
  file: ImportFile,
  batch: readonly Line[],
  from: ImportProgress,
  { dryRun, onRefused }: ImportOptions,
): Promise<ImportProgress> {
  const now = deps.clock.now()
  const { accounts, refusals } = read(batch, now, deps.profile)
  if (!dryRun) await hashPasswords(deps, accounts)
  const last = batch.at(-1)!
  const to = await store(deps, { dryRun }, async (tx) => {
    const inserted = await insertAccounts(tx, [...accounts.values()], now)
    for (const [line, { id }] of accounts) {
      if (!inserted.has(id)) refusals.push({ line, reason: 'taken' })
    }
    refusals.sort((a, b) => a.line - b.line)
    const to = {
      position: last.end,
      lines: last.number,
      imported: from.imported + inserted.size,
      refused: from.refused + refusals.length,
      finishedAt: undefined,
    }
    if (dryRun) return to
    await appendEvents(
      tx,
      Array.from(inserted, (accountId) => accountCreated({ accountId, by: 'import' })),
    )
    await insertImportRefusals(tx, file.digest, refusals)
    await advance(tx, file, { from, to })
    return to
  })
  for (const refusal of refusals) onRefused?.(refusal)
  return to
}

/** By the number of their line. An empty line is nobody. */
function read(batch: readonly Line[], now: Date, profile: Profile | undefined) {
  const accounts = new Map<number, ImportedAccount>()
  const refusals: ImportRefusal[] = []
  for (const { number, text } of batch) {
    if (text?.trim() === '') continue
    const reading = readImportedAccount(text, now, profile)
    if (reading.kind === 'ok') accounts.set(number, reading.account)
    else refusals.push({ line: number, reason: reading.reason, detail: reading.detail })
  }
  return { accounts, refusals }
}

/** Before the transaction: it would be open for as long as that takes. */
async function hashPasswords(
  { passwords }: ImportDeps,
  accounts: ReadonlyMap<number, ImportedAccount>,
): Promise<void> {
  const waiting = [...accounts.values()].filter(({ password }) => password !== undefined)
  const work = async () => {
    for (let account = waiting.pop(); account; account = waiting.pop()) {
      account.passwordHash = await passwords.hash(account.password!)
    }
  }
  await Promise.all(Array.from({ length: HASHED_AT_ONCE }, work))
}

/** In a transaction, which a dry run takes back. */
async function store<T>(
  { db }: ImportDeps,
  { dryRun }: { dryRun?: boolean | undefined },
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  if (!dryRun) return await inTransaction(db, work)
  const tx = await db.transaction()
  try {
    return await work(tx)
  } finally {
    await tx.rollback()
  }
}

async function advance(
  tx: Transaction,
  { digest }: ImportFile,
  { from, to }: { from: ImportProgress; to: ImportProgress },
): Promise<void> {
  if (await advanceImport(tx, digest, { from: from.position, to })) return
  throw new DomainError('conflict', 'This file is being imported by somebody else.')
}

async function finish(
  { db, clock }: ImportDeps,
  file: ImportFile,
  progress: ImportProgress,
  { dryRun }: ImportOptions,
): Promise<ImportProgress> {
  const to = { ...progress, finishedAt: clock.now() }
  if (!dryRun) await inTransaction(db, (tx) => advance(tx, file, { from: progress, to }))
  return to
}

async function* inBatches<T>(source: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of source) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
