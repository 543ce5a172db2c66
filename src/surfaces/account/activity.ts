import type { Context } from 'koa'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { type Activity, listActivity } from '../../domain/audit/account_activity.ts'
import { titleOfName } from '../../domain/federation/connections.ts'
import { deviceNameOf } from '../../domain/sessions/device_name.ts'
import { placeWords } from '../../platform/places/place.ts'
import type { Views } from '../../platform/templating/views.ts'
import type { AccountDeps } from './mount.ts'
import type { Person } from './person.ts'

/** What happened with the account lately. */

type Shown = Views['account/activity']['activities'][number]

export async function showActivity(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { before } = ctx.query
  const { activities, older } = await listActivity(deps, {
    accountId: person.accountId,
    before: typeof before === 'string' ? before : undefined,
  })
  const names = await namesOf(deps, activities)
  const sources = await sourcesOf(deps, activities)
  const locale = deps.pages.localeOf(ctx)
  const placeOf = (ip: string | undefined) => placeWords(deps.places.locate(ip), locale)
  deps.pages.send(ctx, 'account/activity', {
    page: 'sessions',
    account: accountViewOf(person.account),
    activities: activities.map((activity) => shownOf(activity, { names, sources, placeOf })),
    olderUri: older && `/account/activity?before=${older}`,
    newestUri: before === undefined ? undefined : '/account/activity',
  })
}

function shownOf(
  { kind, at, ip, userAgent, clientId, connection }: Activity,
  {
    names,
    sources,
    placeOf,
  }: {
    names: ReadonlyMap<string, string>
    sources: ReadonlyMap<string, string>
    placeOf(ip: string | undefined): string | undefined
  },
): Shown {
  return {
    kind,
    at: at.toISOString(),
    device: userAgent === undefined ? undefined : deviceNameOf(userAgent),
    address: ip,
    place: placeOf(ip),
    application: clientId === undefined ? undefined : names.get(clientId),
    source: connection === undefined ? undefined : sources.get(connection),
  }
}

/** By client id, each asked for once; the house itself is no application. */
async function namesOf(
  deps: AccountDeps,
  activities: readonly Activity[],
): Promise<ReadonlyMap<string, string>> {
  const ids = new Set(activities.flatMap(({ clientId }) => clientId ?? []))
  const clients = await Promise.all([...ids].map((id) => deps.clients.find(id)))
  return new Map(clients.flatMap((client) => (client ? [[client.clientId, client.name]] : [])))
}

/** By the name of the connection; one that is gone is called by it. */
async function sourcesOf(
  { connections }: AccountDeps,
  activities: readonly Activity[],
): Promise<ReadonlyMap<string, string>> {
  const names = [...new Set(activities.flatMap(({ connection }) => connection ?? []))]
  const titles = await Promise.all(names.map((name) => titleOfName(connections, name)))
  return new Map(names.map((name, index) => [name, titles[index]!]))
}
