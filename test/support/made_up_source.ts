import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { linkIdentity } from '../../src/domain/authentication/admit_person.ts'
import type {
  ConnectorKind,
  DirectoryEntry,
  LogoutReceived,
  PasswordCheck,
  PasswordConnector,
  RedirectResult,
  RedirectStart,
  Refreshed,
  UpstreamAuthentication,
  UpstreamPerson,
} from '../../src/domain/federation/connector.ts'
import type { Identity } from '../../src/domain/federation/identity_store.ts'
import type { Kinds } from '../../src/domain/federation/kinds.ts'
import { createConnection } from '../../src/domain/federation/manage_connections.ts'
import { inTransaction, query } from '../../src/platform/persistence/db.ts'
import type { AuthCore } from './authcore.ts'

/**
 * Sources that say what a test wants said: what becomes of it here is the same whoever said it. The real
 * ones have tests of their own.
 */
export type MadeUpSource = {
  kinds: Kinds
  /** What the next answers prove; `unavailable` where it is undefined. */
  says: { result: RedirectResult | undefined }
  /** What was asked for last. */
  asked: { start: RedirectStart | undefined }
  tokens: { refresh(refreshToken: string): Promise<Refreshed> }
  logout: {
    received: LogoutReceived
    begins: boolean
    begun: object | undefined
  }
  directory: {
    check(input: { login: string; password: string }): PasswordCheck
    change?: PasswordConnector['change']
    /** Who there is, in the order in which they are listed. */
    people: DirectoryEntry[]
    /** Called before each page is told, with how many entries were told before. */
    beforePage?: (told: number) => void | Promise<void>
  }
}

export const SOURCE_URI = 'https://source.example.test/sign_in'

export function madeUpSource(): MadeUpSource {
  const says: MadeUpSource['says'] = { result: undefined }
  const asked: MadeUpSource['asked'] = { start: undefined }
  const tokens: MadeUpSource['tokens'] = {
    refresh: async () => ({ kind: 'refused', detail: 'nobody refreshes' }),
  }
  const logout: MadeUpSource['logout'] = {
    received: { kind: 'refused', detail: 'nobody said so' },
    begins: true,
    begun: undefined,
  }
  const directory: MadeUpSource['directory'] = {
    check: () => ({ kind: 'unavailable', reason: 'nobody is there' }),
    people: [],
  }
  const settings = z.strictObject({ url: z.string().optional() })
  const redirect: ConnectorKind<z.output<typeof settings>> = {
    title: 'Made Up',
    signsInBy: 'redirect',
    settings,
    secrets: { client_secret: 'optional' },
    trustsEmail: true,
    open: () => ({
      redirect: {
        async begin(start) {
          asked.start = start
          const uri = `${SOURCE_URI}?${new URLSearchParams({ state: start.state })}`
          return { kind: 'departs', departure: { method: 'GET', uri }, keep: { nonce: 'n' } }
        },
        async finish({ start, params, keep }) {
          if (start.state !== asked.start?.state || (keep as { nonce: string }).nonce !== 'n') {
            throw new Error('what was kept is not what comes back')
          }
          if (params['error']) return { kind: 'refused', reason: 'denied', detail: params['error'] }
          return says.result ?? { kind: 'unavailable', reason: 'nobody answers' }
        },
      },
      logout: {
        receive: async () => logout.received,
        async begin(input) {
          logout.begun = input
          if (!logout.begins) return { kind: 'unsupported' }
          const uri = `https://source.example.test/sign_out?${new URLSearchParams({ state: input.state })}`
          return { kind: 'departs', departure: { method: 'GET', uri }, keep: 'kept' }
        },
      },
      refreshTokens: async ({ refreshToken }) => await tokens.refresh(refreshToken),
      metadata: () => ({ type: 'application/samlmetadata+xml', body: '<made-up/>' }),
      endsAt: () => new Date('2099-01-01T00:00:00Z'),
      probe: async () => ({ ok: true, detail: 'made up' }),
      close: async () => {},
    }),
  }
  const password: ConnectorKind<z.output<typeof settings>> = {
    ...redirect,
    title: 'Directory',
    signsInBy: 'password',
    listingLacks: ({ url }) =>
      url === 'nobody' ? 'needs somebody who may list people' : undefined,
    open: () => ({
      directory: {
        async *list({ pageSize, signal }) {
          for (let told = 0; told < directory.people.length || told === 0; told += pageSize) {
            await directory.beforePage?.(told)
            signal.throwIfAborted()
            yield directory.people.slice(told, told + pageSize)
          }
        },
        find: async (subject) => directory.people.find(({ person }) => person.subject === subject),
        lookUp: async (login) => directory.people.find(({ person }) => person.username === login),
      },
      password: {
        check: async (input) => directory.check(input),
        ...(directory.change ? { change: directory.change } : {}),
      },
      probe: async () => ({ ok: true, detail: 'made up' }),
      close: async () => {},
    }),
  }
  const kinds: Kinds = new Map([
    ['made_up', async () => redirect as ConnectorKind],
    ['made_up_directory', async () => password as ConnectorKind],
  ])
  return { kinds, says, asked, directory, logout, tokens }
}

/** Somebody as a source tells of them. */
export function personOf(subject: string, more: Partial<UpstreamPerson> = {}): UpstreamPerson {
  return { subject, emailVerified: false, claims: {}, groups: [], raw: {}, ...more }
}

export function proven(
  person: UpstreamPerson,
  authentication: Partial<UpstreamAuthentication> = {},
): RedirectResult {
  return { kind: 'proven', person, authentication: { amr: [], ...authentication } }
}

/** A connection to it, which the server has heard of when this is done. */
export async function addConnection(
  { parts }: AuthCore,
  { kinds }: MadeUpSource,
  name: string,
  definition: Record<string, unknown> = {},
  secrets: Record<string, string> = {},
): Promise<void> {
  const content = { name, kind: 'made_up', title: `The ${name}`, ...definition }
  await createConnection({ ...parts, kinds }, { content, secrets })
  for (let i = 0; i < 250; i++) {
    if (await parts.connections.find(name)) return
    await sleep(20)
  }
  throw new Error(`nobody heard of ${name}`)
}

/** Joins the account to somebody of the connection; `created` where it was made for them. */
export async function addIdentity(
  { parts }: AuthCore,
  account: { id: string },
  { connection: name, person, by = 'sign_in' }: IdentityToAdd,
): Promise<Identity> {
  const connection = await parts.connections.find(name)
  if (!connection) throw new Error(`there is no connection ${name}`)
  const input = { connection, person, account, by, origin: {} }
  return await inTransaction(parts.db, (tx) => linkIdentity(parts, tx, input))
}

type IdentityToAdd = {
  connection: string
  person: UpstreamPerson
  by?: 'created' | 'sign_in'
}

/** From now on a directory keeps the password of the account, which was made for it. */
export async function keepPasswordAt(
  server: AuthCore,
  account: { id: string },
  connection: string,
): Promise<void> {
  const person = personOf(`kept-${account.id}`)
  await addIdentity(server, account, { connection, person, by: 'created' })
  await query(server.parts.db, 'DELETE FROM password_credential WHERE account_id = $1', [
    account.id,
  ])
}
