import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { randomToken } from '../../core/secrets.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, queryOne } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
import type { RedirectStart } from './connector.ts'

/**
 * A sign-in that is under way at a source. Its `state` finds it again; who may go on with it is decided
 * by what it was begun for: the interaction or the account page of one browser. It is answered once and
 * used once.
 */
export type RedirectRequest = {
  start: RedirectStart
  /** Of the connector, which alone knows what it is. */
  keep: unknown
  purpose: Purpose
}

export type Purpose =
  | { kind: 'sign_in'; interactionUid: string; remember: boolean }
  /** Of this session: whoever is signed in to the account elsewhere did not ask for it. */
  | { kind: 'link'; accountId: string; sessionUid: string }
  /** Signed out here, and about to be there; `continueUri` is where the browser was going. */
  | {
      kind: 'logout'
      continueUri: string
      sessionId?: string | undefined
      logoutHint?: string | undefined
    }

const TTL_MS = 900_000

const requestSchema = z.object({
  start: z.object({
    callbackUri: z.string(),
    state: z.string(),
    loginHint: z.string().optional(),
    forceAuthn: z.boolean(),
    maxAgeS: z.number().optional(),
    acrValues: z.array(z.string()),
    uiLocales: z.string().optional(),
  }),
  keep: z.unknown(),
  purpose: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('sign_in'), interactionUid: z.string(), remember: z.boolean() }),
    z.object({ kind: z.literal('link'), accountId: z.string(), sessionUid: z.string() }),
    z.object({
      kind: z.literal('logout'),
      continueUri: z.string(),
      sessionId: z.string().optional(),
      logoutHint: z.string().optional(),
    }),
  ]),
})
const answerSchema = z.record(z.string(), z.string())

type Deps = { db: Db; clock: Clock; keyring: Keyring }

/** 256 bits, base64url. */
export function newState(): string {
  return randomToken()
}

export async function keepRedirectRequest(
  { db, clock, keyring }: Deps,
  connectionId: string,
  request: RedirectRequest,
): Promise<void> {
  const { state } = request.start
  await query(
    db,
    `INSERT INTO federation_request (state_hash, connection_id, request_sealed, expires_at)
     VALUES ($1, $2, $3, $4)`,
    [
      hashOf(keyring, state),
      connectionId,
      keyring.seal(JSON.stringify(request), placeOf('request_sealed', state)),
      new Date(clock.now().getTime() + TTL_MS),
    ],
  )
}

/** As it was kept, whether it was answered or not; it stays. */
export async function findRedirectRequest(
  { db, clock, keyring }: Deps,
  { connectionId, state }: { connectionId: string; state: string },
): Promise<RedirectRequest | undefined> {
  const row = await queryOne<{ request_sealed: Buffer }>(
    db,
    `SELECT request_sealed FROM federation_request
      WHERE state_hash = $1 AND connection_id = $2 AND expires_at > $3`,
    [hashOf(keyring, state), connectionId, clock.now()],
  )
  return row && openRequest(keyring, state, row.request_sealed)
}

/** What the connector needs to know again, which it said later than the request was kept. */
export async function updateKept({ db, keyring }: Deps, request: RedirectRequest): Promise<void> {
  const { state } = request.start
  await query(db, 'UPDATE federation_request SET request_sealed = $2 WHERE state_hash = $1', [
    hashOf(keyring, state),
    keyring.seal(JSON.stringify(request), placeOf('request_sealed', state)),
  ])
}

/**
 * Takes what came back, for whoever began it to go on with: it may have come by a form that another
 * site has posted, with which no cookie of ours comes.
 *
 * @returns what it was begun for; undefined where there is no such request of this connection, or it
 *   was answered before
 */
export async function answerRedirectRequest(
  { db, clock, keyring }: Deps,
  { connectionId, state, params }: { connectionId: string; state: string; params: Params },
): Promise<Purpose | undefined> {
  const row = await queryOne<{ request_sealed: Buffer }>(
    db,
    `UPDATE federation_request SET answer_sealed = $4
      WHERE state_hash = $1 AND connection_id = $2 AND expires_at > $3 AND answer_sealed IS NULL
      RETURNING request_sealed`,
    [
      hashOf(keyring, state),
      connectionId,
      clock.now(),
      keyring.seal(JSON.stringify(params), placeOf('answer_sealed', state)),
    ],
  )
  return row && openRequest(keyring, state, row.request_sealed).purpose
}

type Params = Readonly<Record<string, string>>

export type AnsweredRequest = RedirectRequest & { connectionId: string; params: Params }

/** Consumes it: of several that ask at once, one goes on. */
export async function takeRedirectRequest(
  { db, clock, keyring }: Deps,
  state: string,
): Promise<AnsweredRequest | undefined> {
  const row = await queryOne<{
    connection_id: string
    request_sealed: Buffer
    answer_sealed: Buffer
  }>(
    db,
    `DELETE FROM federation_request
      WHERE state_hash = $1 AND expires_at > $2 AND answer_sealed IS NOT NULL
      RETURNING connection_id, request_sealed, answer_sealed`,
    [hashOf(keyring, state), clock.now()],
  )
  if (!row) return undefined
  const answer = keyring.open(row.answer_sealed, placeOf('answer_sealed', state))
  return {
    ...openRequest(keyring, state, row.request_sealed),
    connectionId: row.connection_id,
    params: answerSchema.parse(JSON.parse(answer.toString('utf8'))),
  }
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredRedirectRequests(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'federation_request' }, { until: now, limit })
}

function openRequest(keyring: Keyring, state: string, sealed: Buffer): RedirectRequest {
  const text = keyring.open(sealed, placeOf('request_sealed', state)).toString('utf8')
  return requestSchema.parse(JSON.parse(text)) as RedirectRequest
}

function hashOf(keyring: Keyring, state: string): Buffer {
  return keyring.hash('federation_state', state)
}

function placeOf(column: string, state: string): string {
  return `federation_request:${column}:${state}`
}
