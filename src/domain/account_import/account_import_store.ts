import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import type { ImportedAccount } from './imported_account.ts'

/** How far the import of one file is. The file is known by the SHA-256 of its content. */
export type ImportProgress = {
  /** Of the first byte that is not imported. */
  position: number
  lines: number
  imported: number
  refused: number
  finishedAt: Date | undefined
}

export type ImportRefusal = { line: number; reason: string; detail?: string | undefined }

type ProgressRow = {
  position: string
  lines: number
  imported: number
  refused: number
  finished_at: Date | null
}

const PROGRESS_COLUMNS = 'position, lines, imported, refused, finished_at'

export async function findImport(db: Db, fileDigest: Buffer): Promise<ImportProgress | undefined> {
  const row = await queryOne<ProgressRow>(
    db,
    `SELECT ${PROGRESS_COLUMNS} FROM account_import WHERE file_digest = $1`,
    [fileDigest],
  )
  if (!row) return undefined
  const { position, finished_at, ...counts } = row
  return { ...counts, position: Number(position), finishedAt: finished_at ?? undefined }
}

/** False where it is there already. */
export async function insertImport(db: Db, fileDigest: Buffer, now: Date): Promise<boolean> {
  const rows = await query(
    db,
    `INSERT INTO account_import (file_digest, started_at) VALUES ($1, $2)
     ON CONFLICT DO NOTHING RETURNING lines`,
    [fileDigest, now],
  )
  return rows.length > 0
}

/** False where it is no longer where `from` says: somebody else imports the same file. */
export async function advanceImport(
  tx: Transaction,
  fileDigest: Buffer,
  { from, to }: { from: number; to: ImportProgress },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE account_import
        SET position = $3, lines = $4, imported = $5, refused = $6, finished_at = $7
      WHERE file_digest = $1 AND position = $2 AND finished_at IS NULL RETURNING lines`,
    [fileDigest, from, to.position, to.lines, to.imported, to.refused, to.finishedAt ?? null],
  )
  return rows.length > 0
}

/** Inserts those whose id and identifiers nobody has. @returns the ids of these */
export async function insertAccounts(
  tx: Transaction,
  accounts: readonly ImportedAccount[],
  now: Date,
): Promise<Set<string>> {
  const rows = await query<{ id: string }>(
    tx,
    `WITH given AS (
       SELECT * FROM json_to_recordset($1::json) AS given (
         id uuid, status text, username text, username_canonical text, email text,
         email_canonical text, email_verified boolean, phone text, phone_verified boolean,
         claims jsonb, attributes jsonb, created_at timestamptz, phc text)
     ), fresh AS (
       INSERT INTO account (id, status, username, username_canonical, email, email_canonical,
                            email_verified, phone, phone_verified, claims, attributes, created_at,
                            updated_at)
       SELECT id, status, username, username_canonical, email, email_canonical, email_verified,
              phone, phone_verified, claims, attributes, created_at, $2 FROM given
       ON CONFLICT DO NOTHING
       RETURNING id
     ), credential AS (
       INSERT INTO password_credential (account_id, phc, changed_at)
       SELECT id, phc, $2 FROM given JOIN fresh USING (id) WHERE phc IS NOT NULL
     )
     SELECT id FROM fresh`,
    [JSON.stringify(accounts.map(rowOf)), now],
  )
  return new Set(rows.map(({ id }) => id))
}

function rowOf(account: ImportedAccount) {
  return {
    id: account.id,
    status: account.status,
    username: account.username,
    username_canonical: account.usernameCanonical,
    email: account.email,
    email_canonical: account.emailCanonical,
    email_verified: account.emailVerified,
    phone: account.phone,
    phone_verified: account.phoneVerified,
    claims: account.claims,
    attributes: account.attributes,
    created_at: account.createdAt,
    phc: account.passwordHash,
  }
}

export async function insertImportRefusals(
  tx: Transaction,
  fileDigest: Buffer,
  refusals: readonly ImportRefusal[],
): Promise<void> {
  if (refusals.length === 0) return
  await query(
    tx,
    `INSERT INTO account_import_refusal (file_digest, line, reason, detail)
     SELECT $1, line, reason, detail
       FROM json_to_recordset($2::json) AS r (line integer, reason text, detail text)`,
    [fileDigest, JSON.stringify(refusals)],
  )
}

/** In the order of the file, `limit` at a time. */
export async function listImportRefusals(
  db: Db,
  fileDigest: Buffer,
  { after, limit }: { after: number; limit: number },
): Promise<ImportRefusal[]> {
  const rows = await query<{ line: number; reason: string; detail: string | null }>(
    db,
    `SELECT line, reason, detail FROM account_import_refusal
      WHERE file_digest = $1 AND line > $2 ORDER BY line LIMIT $3`,
    [fileDigest, after, limit],
  )
  return rows.map(({ line, reason, detail }) => ({ line, reason, ...(detail ? { detail } : {}) }))
}

/** The position of files that nobody has gone on with since, with their refusals. */
export async function deleteImportsBefore(db: Db, before: Date): Promise<void> {
  await query(db, 'DELETE FROM account_import WHERE started_at < $1', [before])
}
