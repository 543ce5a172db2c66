import type { KeyObject } from 'node:crypto'
import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import {
  confirmJoining,
  findJoining,
  type JoiningPerson,
  type JoinReturned,
  returnToJoin,
} from '../../domain/authentication/join_identity.ts'
import { titleOf } from '../../domain/federation/connections.ts'
import type { ConnectionProblem } from '../../platform/templating/views.ts'
import { checkCsrf, issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { CONNECTIONS_PAGE, sendConnections } from './connections.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh } from './person.ts'

/** Back from a source: whom it names is shown, and joined when its owner says so. */

const joinForm = z.object({
  csrf: z.string().max(200),
  whom: z.string().max(200).default(''),
})

/** Where the callback leads. The answer of another session is none. */
export async function returnFromSource(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const state = String(ctx.query['state'] ?? '')
  const asked = { state, joiner: joinerOf(person), origin: originOf(ctx) }
  const returned = await returnToJoin(deps, asked)
  if (returned.kind !== 'pending') return await sendRefused(deps, ctx, person, returned)
  ctx.status = 303
  ctx.redirect('/account/connections/confirm')
}

export async function showJoining(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const waiting = await findJoining(deps, joinerOf(person))
  if (!waiting) {
    ctx.status = 303
    ctx.redirect('/account/connections')
    return
  }
  const { connection, person: found } = waiting
  deps.pages.send(ctx, 'account/join_identity', {
    page: 'security',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: '/account/connections/confirm',
    source: titleOf(deps.connections, connection),
    shownAs: found.email ?? found.username,
    whom: issueCsrf(whomKey(deps), whomOf(person, waiting)),
  })
}

/** They belong together. */
export async function joinIdentity(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, whom } = parseForm(joinForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, CONNECTIONS_PAGE))) return
  const joiner = joinerOf(person)
  const waiting = await findJoining(deps, joiner)
  if (!waiting) return await sendRefused(deps, ctx, person, { kind: 'lost' })
  // Nobody is exchanged behind a page that somebody looks at.
  checkCsrf(whomKey(deps), whomOf(person, waiting), whom)
  const result = await confirmJoining(deps, { waiting, joiner, origin: originOf(ctx) })
  const { connection } = waiting
  if (result === 'lost') return await sendRefused(deps, ctx, person, { kind: result })
  if (result === 'taken') {
    return await sendRefused(deps, ctx, person, { kind: 'refused', reason: result, connection })
  }
  const source = titleOf(deps.connections, connection)
  await sendConnections(deps, ctx, person, { done: { kind: 'joined', source } })
}

function joinerOf({ accountId, sessionUid }: Person) {
  return { accountId, sessionUid }
}

function whomOf({ accountId, sessionUid }: Person, { connection, person }: JoiningPerson) {
  return [sessionUid, accountId, connection.id, person.subject]
}

function whomKey({ keyring }: AccountDeps): KeyObject {
  return keyring.deriveKey('account_join')
}

type Refused = Exclude<JoinReturned, { kind: 'pending' }>

async function sendRefused(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  refused: Refused,
): Promise<void> {
  const connection = refused.kind === 'refused' ? refused.connection : undefined
  const kind = refused.kind === 'lost' ? 'lost' : problemOf(refused.reason)
  const source = connection && titleOf(deps.connections, connection)
  await sendConnections(deps, ctx, person, { error: { kind, source } }, STATUS_OF[kind])
}

type Reason = Extract<Refused, { kind: 'refused' }>['reason']

/** What cannot be here has no words of its own: nothing was asked for that could be too weak. */
function problemOf(reason: Reason): keyof typeof STATUS_OF {
  return reason === 'too_weak' || reason === 'account_disabled' ? 'invalid' : reason
}

const STATUS_OF = {
  denied: 403,
  invalid: 400,
  not_permitted: 403,
  unavailable: 503,
  taken: 409,
  joined: 409,
  lost: 400,
} as const satisfies Partial<Record<ConnectionProblem, number>>
