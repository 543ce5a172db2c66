import type { Context } from 'koa'
import { z } from 'zod'
import { isId } from '../../core/ids.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { canonicalEmail } from '../../domain/accounts/identifier.ts'
import { beginJoining } from '../../domain/authentication/join_identity.ts'
import {
  belongsToDirectory,
  findPasswordKeeper,
} from '../../domain/authentication/kept_password.ts'
import { unlinkIdentity } from '../../domain/authentication/unlink_identity.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import { isRedirect, titleOf } from '../../domain/federation/connections.ts'
import { type Identity, listIdentitiesOfAccount } from '../../domain/federation/identity_store.ts'
import type { Views, WayOn } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { leave } from '../../web/leave.ts'
import { originOf } from '../../web/origin.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'

/** What somebody has elsewhere and signs in with here: what there is, one more, or one fewer. */

type Locals = Views['account/connections']
type State = Partial<Pick<Locals, 'done' | 'error' | 'waysOn'>>

export const CONNECTIONS_PAGE = 'connections'

const beginForm = z.object({ csrf: z.string().max(200), connection: z.string().max(40) })
const removeForm = z.object({ csrf: z.string().max(200), identity: z.string().max(64) })

export async function showConnections(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  await sendConnections(deps, ctx, person)
}

/** Off to the source, for this session. */
export async function beginAtSource(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, connection: name } = parseForm(beginForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, CONNECTIONS_PAGE))) return
  const connection = (await offeredTo(deps, person)).find((each) => each.name === name)
  if (!connection) return sendTo(deps, ctx, '/account/connections')
  const { accountId, sessionUid } = person
  const departed = await beginJoining(deps, {
    connection,
    joiner: { accountId, sessionUid },
    uiLocales: deps.pages.localeOf(ctx),
    origin: originOf(ctx),
  })
  if (departed.kind === 'departs') return leave(deps.pages, ctx, departed.departure)
  const error = { kind: 'unavailable', source: titleOf(deps.connections, connection) } as const
  await sendConnections(deps, ctx, person, { error }, 503)
}

export async function takeIdentityAway(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, identity: identityId } = parseForm(removeForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, CONNECTIONS_PAGE))) return
  const { accountId } = person
  const asked = { accountId, identityId, origin: originOf(ctx) }
  const result = isId(identityId) ? await unlinkIdentity(deps, asked) : { kind: 'unknown' as const }
  if (result.kind === 'unknown') return sendTo(deps, ctx, '/account/connections')
  const source = titleOf(deps.connections, result.connection)
  if (result.kind === 'unlinked') {
    return await sendConnections(deps, ctx, person, { done: { kind: 'removed', source } })
  }
  const { reason } = result
  const waysOn = reason === 'last_way_in' ? await waysOnFor(deps, person) : undefined
  const error = { kind: reason, source }
  await sendConnections(deps, ctx, person, { error, waysOn }, 422)
}

/** Where each is set up. */
const WAYS_ON = {
  password: '/account/security#password-form',
  passkey: '/account/security/passkey',
  email: '/account/profile/email',
  phone: '/account/profile/phone',
  identity: '/account/connections#join',
} as const satisfies Record<WayOn, string>

/** What would let its owner sign in without the identity, as far as the deployment has it. */
async function waysOnFor(deps: AccountDeps, person: Person): Promise<Locals['waysOn']> {
  const { passkeys, emailSignIn, smsSignIn } = deps.ways
  const has: Record<WayOn, boolean> = {
    password: (await findPasswordKeeper(deps, person.accountId)) === undefined,
    passkey: passkeys,
    email: emailSignIn,
    phone: smsSignIn,
    identity: (await offeredTo(deps, person)).length > 0,
  }
  const kinds = Object.keys(WAYS_ON) as WayOn[]
  return kinds.filter((kind) => has[kind]).map((kind) => ({ kind, uri: WAYS_ON[kind] }))
}

/** Those with a button, and the one that people of their mail domain are sent to. */
async function offeredTo(
  { connections }: Pick<AccountDeps, 'connections'>,
  { account }: Pick<Person, 'account'>,
): Promise<Connection[]> {
  const domain =
    account.email === undefined ? undefined : canonicalEmail(account.email)?.split('@')[1]
  const isOwn = ({ definition }: Connection) =>
    domain !== undefined && definition.domains.includes(domain)
  return (await connections.list()).filter(
    (each) => isRedirect(connections, each) && (each.definition.button || isOwn(each)),
  )
}

/** Undefined where nothing is joined, and nothing could be. */
export async function connectionsUriFor(
  deps: AccountDeps,
  person: Person,
): Promise<string | undefined> {
  const uri = '/account/connections'
  if ((await deps.connections.all()).length === 0) return undefined
  if ((await offeredTo(deps, person)).length > 0) return uri
  return (await listIdentitiesOfAccount(deps.db, person.accountId)).length > 0 ? uri : undefined
}

export async function sendConnections(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  state: State = {},
  status = 200,
): Promise<void> {
  const { connections, db } = deps
  const [identities, all, offered] = await Promise.all([
    listIdentitiesOfAccount(db, person.accountId),
    connections.all(),
    offeredTo(deps, person),
  ])
  const locals: Locals = {
    page: 'security',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    identities: identities.map((identity) => shownOf(deps, identity, all)),
    sources: offered.map((each) => ({ name: each.name, title: titleOf(connections, each) })),
    ...state,
  }
  deps.pages.send(ctx, 'account/connections', locals, status)
}

function shownOf(
  { connections }: AccountDeps,
  identity: Identity,
  all: readonly Connection[],
): Locals['identities'][number] {
  const { id, shownAs, createdAt, lastUsedAt } = identity
  const connection = all.find((each) => each.id === identity.connectionId)
  return {
    id,
    source: connection && titleOf(connections, connection),
    shownAs,
    since: createdAt.toISOString(),
    usedAt: lastUsedAt?.toISOString(),
    removable:
      connection !== undefined && !belongsToDirectory(connections, { identity, connection }),
  }
}
