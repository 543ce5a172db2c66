import type { Context } from 'koa'
import { canonicalEmail } from '../../domain/accounts/identifier.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import { isRedirect, titleOf } from '../../domain/federation/connections.ts'
import type { SourceView } from '../../platform/templating/views.ts'
import { takeLaunch } from '../../web/launched_connection.ts'
import type { Interaction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** Which sources somebody may sign in at, and which one they are sent to without being asked. */

const COOKIE = 'authcore_connection'
const MAX_AGE_MS = 400 * 86_400_000

type Deps = Pick<InteractionDeps, 'connections'>
type Asked = Pick<Interaction, 'uid' | 'client' | 'details'>

/** The buttons of the sign-in page; the one that this browser used last comes first. */
export async function connectionWays(
  deps: Deps,
  ctx: Context,
  interaction: Asked,
): Promise<SourceView[] | undefined> {
  const last = ctx.cookies.get(COOKIE, { signed: false })
  const offered = (await deps.connections.list()).filter(
    (each) => each.definition.button && isRedirect(deps.connections, each),
  )
  const views = offered.map((each) => ({
    name: each.name,
    title: titleOf(deps.connections, each),
    uri: connectionUri(interaction, each),
    usedLast: each.name === last || undefined,
  }))
  const first = views.filter(({ usedLast }) => usedLast)
  return views.length > 0 ? [...first, ...views.filter(({ usedLast }) => !usedLast)] : undefined
}

/** The one that the application, or its request, names; undefined where the person chooses. */
export async function chosenConnection(
  deps: Deps,
  { client, details }: Asked,
): Promise<Connection | undefined> {
  const { connection, idp_hint: hint } = details.params
  const name = client['connection'] ?? connection ?? hint
  if (typeof name !== 'string') return undefined
  const found = await deps.connections.find(name)
  return onlyRedirect(deps, found)
}

/** The one that has sent this browser to the application. */
export async function launchedConnection(
  deps: Deps,
  ctx: Context,
  { client }: Pick<Asked, 'client'>,
): Promise<Connection | undefined> {
  const name = takeLaunch(ctx, client.clientId)
  const found = name === undefined ? undefined : await deps.connections.find(name)
  return onlyRedirect(deps, found)
}

/** The one that people of this address are sent to; the text alone decides, whoever has it. */
export async function connectionOfAddress(
  deps: Deps,
  login: string,
): Promise<Connection | undefined> {
  const domain = canonicalEmail(login)?.split('@')[1]
  const found = domain === undefined ? undefined : await deps.connections.ofDomain(domain)
  return onlyRedirect(deps, found)
}

/** The same where no password of ours is taken of them, wherever it is typed. */
export async function connectionInsteadOfPassword(
  deps: Deps,
  login: string,
): Promise<Connection | undefined> {
  const found = await connectionOfAddress(deps, login)
  return found?.definition.password === 'hidden' ? found : undefined
}

export function connectionUri({ uid }: Pick<Asked, 'uid'>, { name }: Connection): string {
  return `/interaction/${uid}/connections/${name}`
}

/** A source without a sign-in page of its own, such as a directory, is nowhere to send anybody. */
function onlyRedirect(deps: Deps, found: Connection | undefined): Connection | undefined {
  return found && isRedirect(deps.connections, found) ? found : undefined
}

/** For the next time; it says no more than a name that every sign-in page says. */
export function rememberConnection(ctx: Context, { name }: Connection): void {
  ctx.cookies.set(COOKIE, name, {
    path: '/interaction',
    maxAge: MAX_AGE_MS,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
    overwrite: true,
  })
}
