import { createHash, randomBytes } from 'node:crypto'
import { basic, type Tokens } from '../../protocol/driver.ts'
import { API, CALLBACK } from '../../support/authcore.ts'
import { type Browser, browser } from '../../support/http.ts'
import { hearMachine } from './answers.ts'
import type { Answer, CallInput, CallResult, History } from './history.ts'
import { type Clients, OPAQUE_API, type Stand } from './stand.ts'

/** The calls of the load, each of which writes itself down. */

/** How long a client waits for an answer before it gives up. */
export const PATIENCE_MS = 15_000

export type Caller = {
  actor: string
  stand: Stand
  history: History
  /** An address of its own. */
  ip: string
}

/** Tokens of one sign-in, as far as they are known. */
export type Chain = { family: string; access: string; refresh: string }

const CHAIN = { access: 'access_token', refresh: 'refresh_token' } as const

type Outcome = { answer: Answer; chain?: Chain }

export function pkce() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** A browser of a person, or a program, at the caller's address. */
export function browserOf({ ip }: Pick<Caller, 'ip'>): Browser {
  return browser({ headers: { 'x-forwarded-for': ip } })
}

export async function exchange(
  caller: Caller,
  { code, verifier, family }: { code: string; verifier: string; family: string },
): Promise<Outcome> {
  const label = caller.history.label('code', code, family)
  return await tokenCall(caller, { op: 'exchange', shows: [label] }, family, {
    grant_type: 'authorization_code',
    redirect_uri: CALLBACK,
    code,
    code_verifier: verifier,
  })
}

export async function refresh(caller: Caller, chain: Chain): Promise<Outcome> {
  const shows = [caller.history.label('refresh_token', chain.refresh, chain.family)]
  return await tokenCall(caller, { op: 'refresh', shows }, chain.family, {
    grant_type: 'refresh_token',
    refresh_token: chain.refresh,
  })
}

async function tokenCall(
  caller: Caller,
  input: Omit<CallInput, 'actor'>,
  family: string,
  fields: Record<string, string>,
): Promise<Outcome> {
  return await written(caller, input, async () => {
    const { answer, body } = await hearMachine<Required<Tokens>>(
      () => post(caller, '/token', 'app', fields),
      ({ access_token, refresh_token, id_token }) =>
        access_token && refresh_token && id_token ? undefined : 'tokens are missing',
    )
    if (!body) return { answer }
    const chain = { family, access: body.access_token, refresh: body.refresh_token }
    return { answer, chain, brings: labelsOf(caller, chain) }
  })
}

function labelsOf({ history }: Caller, { family, access, refresh }: Chain): string[] {
  return [
    history.label(CHAIN.refresh, refresh, family),
    history.label(CHAIN.access, access, family),
  ]
}

export async function userinfo(caller: Caller, chain: Chain, sub: string): Promise<Answer> {
  const shows = [caller.history.label('access_token', chain.access, chain.family)]
  const { answer } = await written(caller, { op: 'userinfo', shows }, () =>
    hearMachine<{ sub: string }>(
      () =>
        browserOf(caller).get(`${caller.stand.issuer}/userinfo`, {
          headers: { authorization: `Bearer ${chain.access}`, accept: 'application/json' },
          timeoutMs: PATIENCE_MS,
        }),
      (body) => (body.sub === sub ? undefined : 'somebody else'),
    ),
  )
  return answer
}

type Shown = {
  kind: 'access_token' | 'refresh_token' | 'service_token'
  value: string
  family: string
}

export async function introspect(caller: Caller, shown: Shown): Promise<Answer> {
  const shows = [caller.history.label(shown.kind, shown.value, shown.family)]
  const { answer } = await written(caller, { op: 'introspect', shows }, async () => {
    const { answer, body } = await hearMachine<{ active: boolean }>(
      () => post(caller, '/introspect', 'guard', { token: shown.value }),
      ({ active }) => (typeof active === 'boolean' ? undefined : 'neither active nor not'),
    )
    if (!body || body.active) return { answer }
    return { answer: { kind: 'refused', status: 200, error: 'inactive' } satisfies Answer }
  })
  return answer
}

/** A refresh token takes all that came of its sign-in along; any other token goes alone. */
export async function revoke(
  caller: Caller,
  shown: Shown,
  client: keyof Clients = 'app',
): Promise<Answer> {
  const shows = [caller.history.label(shown.kind, shown.value, shown.family)]
  const ends = shown.kind === 'refresh_token' ? 'all' : 'one'
  const { answer } = await written(caller, { op: 'revoke', shows, ends }, async () => {
    const { answer, reply } = await hearMachine(
      () => post(caller, '/revoke', client, { token: shown.value }),
      () => undefined,
    )
    // RFC 7009 §2.2: the body says nothing.
    return reply?.status === 200 ? { answer: { kind: 'ok' } satisfies Answer } : { answer }
  })
  return answer
}

export async function clientCredentials(
  caller: Caller,
  client: 'service' | 'opaqueService',
): Promise<{ answer: Answer; shown?: Shown }> {
  const resource = client === 'service' ? API : OPAQUE_API
  return await written(caller, { op: 'client_credentials' }, async () => {
    const { answer, body } = await hearMachine<Tokens>(
      () => post(caller, '/token', client, { grant_type: 'client_credentials', resource }),
      ({ access_token }) => (access_token ? undefined : 'no token'),
    )
    if (!body) return { answer }
    const shown: Shown = {
      kind: 'service_token',
      value: body.access_token,
      family: body.access_token,
    }
    return { answer, shown, brings: [caller.history.label(shown.kind, shown.value, shown.family)] }
  })
}

export async function push(
  caller: Caller,
  parameters: Record<string, string>,
  family: string,
): Promise<{ answer: Answer; requestUri?: string }> {
  const client_id = caller.stand.clients.app.clientId
  return await written(caller, { op: 'par' }, async () => {
    const { answer, body } = await hearMachine<{ request_uri: string }>(
      () => post(caller, '/par', 'app', { client_id, ...parameters }),
      ({ request_uri }) => (request_uri ? undefined : 'no request_uri'),
    )
    if (!body) return { answer }
    const label = caller.history.label('request_uri', body.request_uri, family)
    return { answer, requestUri: body.request_uri, brings: [label] }
  })
}

export function written<R extends CallResult>(
  { actor, history }: Caller,
  input: Omit<CallInput, 'actor'>,
  make: () => Promise<R>,
): Promise<R> {
  return history.record({ actor, ...input }, make)
}

function post(caller: Caller, path: string, client: keyof Clients, fields: Record<string, string>) {
  const { issuer, clients } = caller.stand
  const headers = { authorization: basic(clients[client]), accept: 'application/json' }
  return browserOf(caller).post(`${issuer}${path}`, fields, { headers, timeoutMs: PATIENCE_MS })
}
