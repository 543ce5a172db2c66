import { setTimeout as sleep } from 'node:timers/promises'
import * as oidc from 'openid-client'
import { createAccount } from '../src/domain/accounts/create_account.ts'
import { createClient } from '../src/domain/clients/create_client.ts'
import { createHasher } from '../src/main/passwords.ts'
import { browser } from '../test/support/http.ts'
import { type Bench, onPostgres, startMeasured } from './support/measured_server.ts'
import { signInThroughPages } from './support/pages.ts'
import { judge, mebibytes, printHeading, printRows, type Row } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'

/**
 * Resident memory of one server process on an external PostgreSQL, as in production but for TLS:
 * JSON log, no demonstration, both roles. Idle after the start, and again after a thousand people
 * have signed in through the pages, each with a password and a code exchange.
 */

const TARGET_MIB = 150
const SIGN_INS = 1_000
const AT_ONCE = 4
const IDLE_MS = 60_000

const REDIRECT_URI = 'https://rp.example.test/callback'
const PERSON = { login: 'ada@example.test', password: 'correct horse battery staple' }

export async function measure(): Promise<boolean> {
  printHeading('Memory')
  const folder = await temporaryFolder()
  return await onPostgres(folder, async (connection) => {
    const { issuer, prepared, server } = await startMeasured(folder, connection, { prepare })
    try {
      return await measureAt(issuer, prepared)
    } finally {
      await server.stop()
    }
  })
}

async function measureAt(issuer: string, clientSecret: string): Promise<boolean> {
  const rows: Row[] = []
  const take = async (what: string): Promise<number> => {
    const { residentBytes, heapBytes } = await readMemory(issuer)
    rows.push({ what, value: `${mebibytes(residentBytes)}  (heap ${mebibytes(heapBytes)})` })
    return residentBytes / 2 ** 20
  }
  await take('just started')
  await sleep(IDLE_MS)
  const idle = await take(`idle for ${IDLE_MS / 1000} s`)
  const beganAt = performance.now()
  await signInOften(issuer, clientSecret)
  const tookS = (performance.now() - beganAt) / 1000
  await take(`after ${SIGN_INS} sign-ins`)
  await sleep(IDLE_MS)
  const later = await take(`and idle for ${IDLE_MS / 1000} s`)
  printRows(rows)
  console.log(`\n${SIGN_INS} sign-ins, ${AT_ONCE} at once, took ${tookS.toFixed(0)} s`)
  const met = judge('Idle', idle, TARGET_MIB, 'MiB')
  return judge('Idle after the sign-ins', later, TARGET_MIB, 'MiB') && met
}

/** An account and a client of the house, which asks for no consent. */
async function prepare(bench: Bench): Promise<string> {
  await createAccount(bench, {
    email: PERSON.login,
    emailVerified: true,
    passwordHash: await createHasher(bench.config).hash(PERSON.password),
  })
  const { secret } = await createClient(bench, {
    clientId: 'bench',
    name: 'Measurement',
    preset: 'web',
    firstParty: true,
    metadata: { redirect_uris: [REDIRECT_URI] },
  })
  return secret!
}

async function signInOften(issuer: string, clientSecret: string): Promise<void> {
  const configuration = await oidc.discovery(
    new URL(issuer),
    'bench',
    { id_token_signed_response_alg: 'ES256' },
    oidc.ClientSecretBasic(clientSecret),
    { execute: [oidc.allowInsecureRequests] },
  )
  let left = SIGN_INS
  const work = async () => {
    while (left-- > 0) await signInOnce(configuration, issuer)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function signInOnce(configuration: oidc.Configuration, issuer: string): Promise<void> {
  const person = browser()
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  }
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid email',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  const start = await person.get(url.href)
  const leaving = await signInThroughPages(person, start, { ours: issuer, ...PERSON })
  await oidc.authorizationCodeGrant(configuration, new URL(leaving.location!), checks)
}

async function readMemory(issuer: string): Promise<{ residentBytes: number; heapBytes: number }> {
  const text = await (await fetch(`${issuer}/metrics`)).text()
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  return {
    residentBytes: read('process_resident_memory_bytes'),
    heapBytes: read('nodejs_heap_size_used_bytes'),
  }
}
