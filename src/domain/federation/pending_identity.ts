import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, queryOne } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
import type { UpstreamPerson, UpstreamTokens } from './connector.ts'
import { tokensSchema } from './token_vault.ts'
import type { UpstreamHint } from './upstream_session_store.ts'

/**
 * Somebody who has signed in at a source and is nobody here yet, while they show which account is theirs,
 * or that they want a new one. They wait within one thing of one browser, by its name: the interaction,
 * or the session on whose account pages they are about to be joined.
 */
export type PendingIdentity = {
  connectionId: string
  person: UpstreamPerson
  /** What their coming is worth once they are somebody; absent where they sign in to nothing. */
  came?: Came | undefined
}

/** How somebody came from a source, in the words of whoever asks for proofs. */
export type Came = {
  method: string
  session?: UpstreamHint | undefined
  tokens?: UpstreamTokens | undefined
  authenticatedAt?: Date | undefined
  remember: boolean
}

const TTL_MS = 900_000

const personSchema = z.object({
  subject: z.string(),
  username: z.string().optional(),
  email: z.string().optional(),
  emailVerified: z.boolean(),
  phone: z.string().optional(),
  claims: z.record(z.string(), z.unknown()),
  groups: z.array(z.string()),
  raw: z.record(z.string(), z.unknown()),
})

const pendingSchema = z.object({
  person: personSchema,
  came: z
    .object({
      method: z.string(),
      session: z
        .object({ sessionId: z.string().optional(), logoutHint: z.string().optional() })
        .optional(),
      tokens: tokensSchema.optional(),
      authenticatedAt: z.coerce.date().optional(),
      remember: z.boolean(),
    })
    .optional(),
})

type Deps = { db: Db; clock: Clock; keyring: Keyring }

/** Takes the place of whoever came before in this interaction. */
export async function keepPendingIdentity(
  { db, clock, keyring }: Deps,
  within: string,
  { connectionId, person, came }: PendingIdentity,
): Promise<void> {
  await query(
    db,
    `INSERT INTO pending_identity (interaction_hash, connection_id, person_sealed, expires_at)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (interaction_hash) DO UPDATE
       SET connection_id = excluded.connection_id, person_sealed = excluded.person_sealed,
           expires_at = excluded.expires_at`,
    [
      hashOf(keyring, within),
      connectionId,
      keyring.seal(JSON.stringify({ person, came }), placeOf(within)),
      new Date(clock.now().getTime() + TTL_MS),
    ],
  )
}

type PendingRow = { connection_id: string; person_sealed: Buffer }

export async function findPendingIdentity(
  { db, clock, keyring }: Deps,
  within: string,
): Promise<PendingIdentity | undefined> {
  const row = await queryOne<PendingRow>(
    db,
    `SELECT connection_id, person_sealed FROM pending_identity
      WHERE interaction_hash = $1 AND expires_at > $2`,
    [hashOf(keyring, within), clock.now()],
  )
  return row && pendingFromRow(keyring, within, row)
}

/** Consumes it: of several that ask at once, one goes on. */
export async function takePendingIdentity(
  { db, clock, keyring }: Deps,
  within: string,
): Promise<PendingIdentity | undefined> {
  const row = await queryOne<PendingRow>(
    db,
    `DELETE FROM pending_identity WHERE interaction_hash = $1 AND expires_at > $2
     RETURNING connection_id, person_sealed`,
    [hashOf(keyring, within), clock.now()],
  )
  return row && pendingFromRow(keyring, within, row)
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredPendingIdentities(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'pending_identity' }, { until: now, limit })
}

function pendingFromRow(
  keyring: Keyring,
  within: string,
  { connection_id: connectionId, person_sealed: sealed }: PendingRow,
): PendingIdentity {
  const text = keyring.open(sealed, placeOf(within)).toString('utf8')
  return { connectionId, ...pendingSchema.parse(JSON.parse(text)) }
}

function hashOf(keyring: Keyring, within: string): Buffer {
  return keyring.hash('interaction', within)
}

function placeOf(within: string): string {
  return `pending_identity:person_sealed:${within}`
}
