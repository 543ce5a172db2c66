import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import {
  type Db,
  inTransaction,
  query,
  queryOne,
  type Transaction,
} from '../../platform/persistence/db.ts'
import type { Connection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { UpstreamTokens } from './connector.ts'

/**
 * Tokens that a source gave for somebody, for applications that work with what the person has there:
 * kept sealed, only where the connection says so, and given out fresh.
 */

/** As they are kept. */
export const tokensSchema = z.object({
  accessToken: z.string(),
  refreshToken: z.string().optional(),
  expiresAt: z.coerce.date().optional(),
  scope: z.string().optional(),
})

/** What is left of a token when it is given out. */
const LEAST_LEFT_MS = 60_000

type Deps = { db: Db; clock: Clock; keyring: Keyring; connections: Connections }

/** Takes the place of what was there. */
export async function keepTokens(
  { keyring }: Pick<Deps, 'keyring'>,
  tx: Transaction,
  identityId: string,
  tokens: UpstreamTokens | undefined,
): Promise<void> {
  const sealed = tokens ? keyring.seal(JSON.stringify(tokens), placeOf(identityId)) : null
  await query(tx, 'UPDATE identity SET tokens_sealed = $2 WHERE id = $1', [identityId, sealed])
}

export type VaultResult =
  | { kind: 'token'; tokens: UpstreamTokens }
  /** The person has no identity there, nothing is kept of it, or the source has ended it. */
  | { kind: 'none' }
  | { kind: 'unavailable' }

/**
 * A token that lives for a while, had anew where the one that is kept does not. One at a time for an
 * identity: a source that rotates its refresh tokens takes each once.
 */
export async function takeUpstreamToken(
  deps: Deps,
  { accountId, connection: name }: { accountId: string; connection: string },
): Promise<VaultResult> {
  const connection = await deps.connections.find(name)
  if (!connection) return { kind: 'none' }
  return await inTransaction(deps.db, async (tx) => {
    const kept = await lockTokens(deps, tx, { accountId, connectionId: connection.id })
    if (!kept) return { kind: 'none' }
    if (isFresh(kept.tokens, deps.clock.now())) return { kind: 'token', tokens: kept.tokens }
    return await refresh(deps, tx, connection, kept)
  })
}

type Kept = { identityId: string; subject: string; tokens: UpstreamTokens }

async function lockTokens(
  { keyring }: Pick<Deps, 'keyring'>,
  tx: Transaction,
  { accountId, connectionId }: { accountId: string; connectionId: string },
): Promise<Kept | undefined> {
  const row = await queryOne<{ id: string; subject: string; tokens_sealed: Buffer }>(
    tx,
    `SELECT id, subject, tokens_sealed FROM identity
      WHERE account_id = $1 AND connection_id = $2 AND tokens_sealed IS NOT NULL
      ORDER BY last_used_at DESC NULLS LAST LIMIT 1 FOR UPDATE`,
    [accountId, connectionId],
  )
  if (!row) return undefined
  const text = keyring.open(row.tokens_sealed, placeOf(row.id)).toString('utf8')
  return { identityId: row.id, subject: row.subject, tokens: tokensSchema.parse(JSON.parse(text)) }
}

/** One that does not say when it ends is taken at its word. */
function isFresh({ expiresAt }: UpstreamTokens, now: Date): boolean {
  return expiresAt === undefined || expiresAt.getTime() - now.getTime() > LEAST_LEFT_MS
}

async function refresh(
  deps: Deps,
  tx: Transaction,
  connection: Connection,
  { identityId, subject, tokens }: Kept,
): Promise<VaultResult> {
  const connector = await deps.connections.open(connection).catch(() => undefined)
  const { refreshToken } = tokens
  if (!connector?.refreshTokens || refreshToken === undefined) return { kind: 'none' }
  const refreshed = await connector.refreshTokens({ refreshToken, subject })
  switch (refreshed.kind) {
    case 'refreshed':
      await keepTokens(deps, tx, identityId, refreshed.tokens)
      return { kind: 'token', tokens: refreshed.tokens }
    case 'refused':
      await keepTokens(deps, tx, identityId, undefined)
      return { kind: 'none' }
    default:
      return { kind: 'unavailable' }
  }
}

function placeOf(identityId: string): string {
  return `identity:tokens_sealed:${identityId}`
}
