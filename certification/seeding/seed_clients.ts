import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Planned } from '../plans/planned.ts'
import type { AuthcoreCli } from '../product/authcore_cli.ts'
import { type ClientMember, type ClientRow, clientsOf, KIND_ARGUMENTS } from '../tables/clients.ts'
import { type Credentials, keep, makeCredentials, publicJwks } from './credentials.ts'

/** A client as it is registered, and what the suite has to know to act as it. */
export type SeededClient = {
  row: ClientRow
  clientId: string
  scope: string
  credentials: Credentials
}

type Registered = { client_id: string; metadata: Record<string, unknown> }
type Wanted = SeededClient & { isNew: boolean; metadata: Record<string, unknown> }

/** Seeds the clients of one plan after another, knowing what is there. */
export type ClientSeeder = (planned: Planned) => Promise<SeededClient[]>

/** What is there and right is left alone, so that a second run changes nothing. */
export async function clientSeeder(
  cli: AuthcoreCli,
  place: { folder: string; suite: string },
): Promise<ClientSeeder> {
  const { clients } = await cli<{ clients: Registered[] }>('client', 'list')
  const there = new Map(clients.map((client) => [client.client_id, client]))
  return async (planned) => {
    const seeded: SeededClient[] = []
    for (const row of clientsOf(planned.definition.clients, planned.variant)) {
      const wanted = await wantedClient(planned, row, place)
      await settle(cli, wanted, there.get(wanted.clientId), place.folder)
      seeded.push(wanted)
    }
    return seeded
  }
}

const SUFFIXES: Readonly<Record<ClientMember, string>> = {
  client: '1',
  client2: '2',
  client_secret_post: 'post',
}

async function wantedClient(
  planned: Planned,
  row: ClientRow,
  { folder, suite }: { folder: string; suite: string },
): Promise<Wanted> {
  const clientId = `certification-${planned.key}-${SUFFIXES[row.member]}`
  const make = () => makeCredentials(row, clientId)
  const { value, isNew } = await keep(folder, clientId, make)
  const jwks = publicJwks(value, row.proves)
  const metadata = {
    ...row.metadata,
    ...addresses(planned, row, `${suite}/test/a/${planned.alias}`),
    ...(jwks ? { jwks } : {}),
  }
  return {
    row,
    clientId,
    scope: String(row.metadata['scope']),
    credentials: value,
    isNew,
    metadata,
  }
}

function addresses({ definition }: Planned, { member }: ClientRow, base: string) {
  const callback = `${base}/callback`
  const second = member === 'client2' ? [`${callback}?dummy1=lorem&dummy2=ipsum`] : []
  const logsOut = definition.plan.includes('logout')
  return {
    redirect_uris: [callback, ...second],
    ...(logsOut ? { post_logout_redirect_uris: [`${base}/post_logout_redirect`] } : {}),
    ...(definition.clients === 'backchannel'
      ? { backchannel_logout_uri: `${base}/backchannel_logout` }
      : {}),
    ...(definition.clients === 'frontchannel'
      ? { frontchannel_logout_uri: `${base}/frontchannel_logout` }
      : {}),
  }
}

async function settle(
  cli: AuthcoreCli,
  wanted: Wanted,
  there: Registered | undefined,
  folder: string,
): Promise<void> {
  const { clientId, isNew, metadata } = wanted
  if (there && !isNew && includes(there.metadata, metadata)) return
  const file = path.join(folder, 'metadata.json')
  writeFileSync(file, JSON.stringify(metadata), { mode: 0o600 })
  if (there && !isNew) {
    await cli('client', 'update', clientId, '--metadata-file', file)
    return
  }
  // Nobody can read the secret that it has.
  if (there) await cli('client', 'delete', clientId, '--yes')
  await cli('client', 'create', ...creation(wanted, folder), '--metadata-file', file)
}

function creation({ clientId, row, credentials }: Wanted, folder: string): string[] {
  const named = ['--id', clientId, '--name', `Certification ${clientId.replace(/^\w+-/, '')}`]
  const kind = KIND_ARGUMENTS[row.kind]
  if (credentials.secret === undefined) return [...named, ...kind]
  const file = path.join(folder, 'client_secret')
  writeFileSync(file, credentials.secret, { mode: 0o600 })
  return [...named, ...kind, '--secret-file', file]
}

function includes(whole: Record<string, unknown>, part: Record<string, unknown>): boolean {
  return Object.entries(part).every(([name, value]) => isDeepStrictEqual(whole[name], value))
}
