import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { deviceNameOf } from '../../domain/sessions/device_name.ts'
import { listSessions, type Session } from '../../domain/sessions/session_store.ts'
import { sessionEnded } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { placeWords } from '../../platform/places/place.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, sendTo } from './person.ts'

/** Where one is signed in, and a way to end each of it. Looking and ending take no fresh sign-in. */

type Shown = Views['account/sessions']['sessions'][number]

const endForm = z.object({ csrf: z.string().max(200), session: z.string().max(64) })

export async function showSessions(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  await send(deps, ctx, person)
}

export async function endSession(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, session: id } = parseForm(endForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const { accountId } = person
  const session = (await sessionsOf(deps, person)).find((each) => each.id === id)
  if (!session) return await send(deps, ctx, person)
  await inTransaction(deps.db, async (tx) => {
    await deps.sessions.endByHash(tx, session.uidHash)
    const fact = { accountId, sessionId: id, by: 'owner', ...originOf(ctx) }
    await appendEvent(tx, sessionEnded(fact))
  })
  if (isCurrent(deps, person, session)) return sendTo(deps, ctx, '/')
  await send(deps, ctx, person, true)
}

async function sessionsOf(deps: AccountDeps, { accountId }: Person): Promise<Session[]> {
  return await listSessions(deps.db, { accountId, now: deps.clock.now() })
}

function isCurrent(deps: AccountDeps, { sessionUid }: Person, { uidHash }: Session): boolean {
  return uidHash.equals(deps.uidHash(sessionUid))
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  ended?: boolean,
): Promise<void> {
  const [sessions, taking] = await Promise.all([
    sessionsOf(deps, person),
    deps.sessions.listClients(deps.db, person.accountId),
  ])
  const locale = deps.pages.localeOf(ctx)
  const shown = await Promise.all(
    sessions.map(async (session): Promise<Shown> => {
      const { id, ip, userAgent, createdAt, lastSeenAt, amr } = session
      const clientIds = taking
        .filter(({ uidHash }) => uidHash.equals(session.uidHash))
        .flatMap((each) => each.clientIds)
      return {
        id,
        ...deviceNameOf(userAgent),
        current: isCurrent(deps, person, session),
        address: ip,
        place: placeWords(deps.places.locate(ip), locale),
        strong: amr.includes('mfa'),
        since: createdAt.toISOString(),
        seenAt: lastSeenAt.toISOString(),
        applications: await namesOf(deps, [...new Set(clientIds)]),
      }
    }),
  )
  deps.pages.send(ctx, 'account/sessions', {
    page: 'sessions',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    // This one first: it is the one that people know.
    sessions: shown.sort((a, b) => Number(b.current) - Number(a.current)),
    ended,
  })
}

/** Those that somebody registered; the house itself is no application. */
async function namesOf(deps: AccountDeps, clientIds: readonly string[]): Promise<string[]> {
  const clients = await Promise.all(clientIds.map((id) => deps.clients.find(id)))
  return clients.flatMap((client) => (client ? [client.name] : []))
}
