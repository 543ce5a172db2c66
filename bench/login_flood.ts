import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createClient } from '../src/domain/clients/create_client.ts'
import { createResourceServer } from '../src/domain/clients/create_resource_server.ts'
import { type Asked, ask } from './support/ask.ts'
import { type Bench, onPostgres, startMeasured } from './support/measured_server.ts'
import { judge, median, percentile, printHeading, printRows, type Row } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'
import { steadily } from './support/steadily.ts'

/**
 * What a flood of wrong passwords does to everybody else. A service asks for a token by client
 * credentials, and another one for our keys, at a steady pace, whatever happens to them; in every
 * second round browsers guess as fast as they are answered, each try for another name from another
 * address, so that no limit stops it. Browsers, services, server and database share the machine.
 */

const ROUNDS = 4
const ROUND_S = 10
/** Of tokens, and as often of keys. */
const ASKED_PER_S = 40
/** As many as are in work or wait at the gate of two processors; the next ones would be refused. */
const BROWSERS = 32
const TIMES_IDLE = 2
/** Keys are asked for by whoever verifies a token: a process that hashes between answers shows here. */
const KEYS_P99_MS = 20

const REDIRECT_URI = 'https://rp.example.test/callback'
const API = 'https://api.example.test'

export async function measure(): Promise<boolean> {
  printHeading('Login flood')
  const folder = await temporaryFolder()
  return await onPostgres(folder, async (connection) => {
    const env = { AUTHCORE_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' }
    const { issuer, prepared, server } = await startMeasured(folder, connection, { prepare, env })
    try {
      return await compare(issuer, prepared)
    } finally {
      await server.stop()
    }
  })
}

type Waits = { token: number[]; keys: number[] }

/** Idle and flooded rounds take turns, so that whatever else the machine does meets both. */
async function compare(issuer: string, clientSecret: string): Promise<boolean> {
  const ask = { token: tokenRequest(issuer, clientSecret), keys: keysRequest(issuer) }
  const askBoth = async (into: Waits, seconds: number) => {
    const pace = { seconds, perS: ASKED_PER_S }
    const [token, keys] = await Promise.all([steadily(ask.token, pace), steadily(ask.keys, pace)])
    into.token.push(...token)
    into.keys.push(...keys)
  }
  const none = (): Waits => ({ token: [], keys: [] })
  const [warming, idle, flooded] = [none(), none(), none()]
  await askBoth(warming, 5)
  const statuses: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round++) {
    await askBoth(idle, ROUND_S)
    const stop = startFlood(issuer)
    await sleep(1_000)
    await askBoth(flooded, ROUND_S)
    for (const [status, count] of Object.entries(await stop())) {
      statuses[status] = (statuses[status] ?? 0) + count
    }
  }
  printRows([
    ...rowsOf('a token, idle', idle.token),
    ...rowsOf('a token, flooded', flooded.token),
    ...rowsOf('our keys, idle', idle.keys),
    ...rowsOf('our keys, flooded', flooded.keys),
  ])
  console.log(`\n${BROWSERS} browsers at once; tries by status: ${JSON.stringify(statuses)}`)
  const times = percentile(flooded.token, 0.99) / percentile(idle.token, 0.99)
  const met = judge('p99 of a token, times idle', times, TIMES_IDLE, 'times')
  return judge('p99 of our keys', percentile(flooded.keys, 0.99), KEYS_P99_MS, 'ms') && met
}

function rowsOf(what: string, values: readonly number[]): Row[] {
  const ms = (value: number) => `${value.toFixed(1)} ms`
  return [
    { what: `${what}: median`, value: ms(median(values)) },
    { what: `${what}: p95`, value: ms(percentile(values, 0.95)) },
    { what: `${what}: p99`, value: ms(percentile(values, 0.99)) },
  ]
}

function tokenRequest(issuer: string, clientSecret: string): () => Promise<void> {
  const authorization = `Basic ${Buffer.from(`bench-service:${clientSecret}`).toString('base64')}`
  const fields = { grant_type: 'client_credentials', scope: 'read', resource: API }
  return answered(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
}

function keysRequest(issuer: string): () => Promise<void> {
  return answered(`${issuer}/jwks`)
}

/** @returns asks once more, and waits for a 200 */
function answered(url: string, asked?: Asked): () => Promise<void> {
  const agent = new http.Agent({ keepAlive: true })
  return async () => {
    const { status, body } = await ask(agent, url, asked)
    if (status !== 200) throw new Error(`${status}: ${body}`)
  }
}

/** @returns ends it, with how many tries ended with which status */
function startFlood(issuer: string): () => Promise<Record<string, number>> {
  const url = new URL('/authorize', issuer)
  url.search = new URLSearchParams({
    client_id: 'bench-web',
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }).toString()
  const worker = new Worker(new URL('./support/flood.ts', import.meta.url), {
    workerData: { url: url.href, browsers: BROWSERS },
  })
  const ended = new Promise<Record<string, number>>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })
  ended.catch(() => {})
  return async () => {
    worker.postMessage('stop')
    return await ended
  }
}

/** @returns the secret of the service */
async function prepare(bench: Bench): Promise<string> {
  await createResourceServer(bench, {
    identifier: API,
    name: 'Measurement',
    scopes: [{ name: 'read', description: 'Read' }],
  })
  await createClient(bench, {
    clientId: 'bench-web',
    name: 'Measurement',
    preset: 'web',
    metadata: { redirect_uris: [REDIRECT_URI] },
  })
  const { secret } = await createClient(bench, {
    clientId: 'bench-service',
    name: 'Measurement',
    preset: 'service',
    metadata: { resource_scopes: { [API]: ['read'] } },
  })
  return secret!
}
