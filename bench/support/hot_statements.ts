import { newId } from '../../src/core/ids.ts'
import { randomToken } from '../../src/core/secrets.ts'
import { createAuditSink } from '../../src/domain/audit/audit_trail.ts'
import { findAccountWithPassword } from '../../src/domain/credentials/password/password_store.ts'
import { listSessions } from '../../src/domain/sessions/session_store.ts'
import { tokenIssued } from '../../src/platform/events/catalogue.ts'
import { appendEvents } from '../../src/platform/events/outbox.ts'
import { relayBatch } from '../../src/platform/events/relay.ts'
import type { Db } from '../../src/platform/persistence/db.ts'
import { applyChanges } from '../../src/surfaces/oidc/adapters/apply_changes.ts'
import { createCodec } from '../../src/surfaces/oidc/adapters/codec.ts'
import { type ModelName, TOKEN_MODELS } from '../../src/surfaces/oidc/adapters/models.ts'
import { findRecord, findRecordOfAny } from '../../src/surfaces/oidc/adapters/postgres_records.ts'
import { findJwtStanding, markSeen } from '../../src/surfaces/oidc/adapters/replay_store.ts'
import type { Bench } from './measured_server.ts'
import type { Person } from './populate.ts'

/** What hot requests ask PostgreSQL, through the product's own functions. Each call is one use. */
export type HotStatement = (person: Person) => Promise<unknown>

export function hotStatements({
  db,
  keyring,
}: Pick<Bench, 'db' | 'keyring'>): Record<string, HotStatement> {
  const codec = createCodec(keyring)
  const find = (model: ModelName, id: string) => findRecord(db, { model, idHash: codec.idHash(id) })
  const sink = createAuditSink(keyring)
  return {
    'find a refresh token, with grant, session and account': ({ refreshToken }) =>
      must(find('RefreshToken', refreshToken)),
    'find an access token, likewise': ({ accessToken }) => must(find('AccessToken', accessToken)),
    'find a session': ({ session }) => must(find('Session', session)),
    'find a token of any kind': ({ accessToken }) =>
      must(findRecordOfAny(db, TOKEN_MODELS, codec.idHash(accessToken))),
    'find what a JWT stands on': ({ accessToken }) =>
      findJwtStanding(db, { jtiHash: codec.idHash(accessToken), grantHash: undefined }),
    'find an account with its password': ({ email }) =>
      must(findAccountWithPassword(db, { kind: 'email', canonical: email })),
    'list the sessions of an account': ({ accountId }) =>
      listSessions(db, { accountId, now: new Date() }),
    'store an access token and its event': (person) => storeToken(db, codec, person),
    'mark a proof as seen': () =>
      markSeen(db, codec.idHash(randomToken()), new Date(Date.now() + 60_000)),
    'take 200 events to the trail': async ({ accountId }) => {
      await appendEvents(
        db,
        Array.from({ length: 200 }, () => issued(accountId)),
      )
      await relayBatch(db, [sink])
    },
  }
}

async function must(work: Promise<unknown>): Promise<void> {
  if ((await work) === undefined) throw new Error('something that was put there was not found')
}

const issued = (accountId: string) =>
  tokenIssued({
    clientId: 'growth-0',
    accountId,
    grantType: 'refresh_token',
    requestId: newId(),
  } as never)

async function storeToken(db: Db, codec: ReturnType<typeof createCodec>, person: Person) {
  const iat = Math.floor(Date.now() / 1000)
  const payload = {
    iat,
    exp: iat + 600,
    accountId: person.accountId,
    clientId: person.client.clientId,
    gty: 'authorization_code',
    kind: 'AccessToken',
    scope: 'openid profile email',
  }
  const record = codec.encode('AccessToken', randomToken(), payload, 600)
  const none = { destroys: [], sessionsReplaced: [], sessionUidsEnded: [] }
  await applyChanges(db, { ...none, upserts: [record], events: [issued(person.accountId)] })
}
