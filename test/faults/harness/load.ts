import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Person } from '../../support/authcore.ts'
import { hearPage } from './answers.ts'
import {
  browserOf,
  type Caller,
  type Chain,
  clientCredentials,
  exchange,
  introspect,
  PATIENCE_MS,
  pkce,
  push,
  refresh,
  revoke,
  userinfo,
  written,
} from './asking.ts'
import { type Chance, chanceOf } from './chance.ts'
import type { Setting } from './fault.ts'
import type { Answer, History } from './history.ts'
import { patiently, type SignedIn, signIn } from './sign_in.ts'

/**
 * What a deployment does all day, at once: people who sign in, applications that exchange, refresh and
 * revoke, services that ask for tokens, APIs that look at them. `PROBES` do one thing each, over and
 * over, so that it is seen when it stops and when it goes on.
 */

export const PROBES = [
  'authorize',
  'par',
  'client_credentials',
  'introspect',
  'userinfo',
  'refresh',
] as const

/** What is left of a sign-in when the load ends, to be looked at once more. */
export type Left = {
  signedIn: SignedIn
  person: Person
  /** Refresh tokens that were exchanged for the next one. */
  used: Chain[]
  last: Chain
  state: 'live' | 'revoked'
}

export type Load = {
  left: Left[]
  /** @throws what made an actor give up, which is a fault of the load and not of the server */
  assertGoing(): void
  stop(): Promise<void>
}

const PAUSE_MS = [40, 160] as const

export function startLoad(
  { stand, visitors = {} }: Pick<Setting, 'stand' | 'visitors'>,
  history: History,
  seed: number,
): Load {
  const chance = chanceOf(seed)
  let ended = false
  const left: Left[] = []
  const failures: unknown[] = []
  const actors: [string, Act][] = [
    ...stand.people
      .slice(0, 2)
      .map((person, n): [string, Act] => [
        `person ${n + 1}`,
        (world) => beAPerson(world, person, left),
      ]),
    ['service', beAService],
    ...Object.entries(visitors).map(([name, visit]): [string, Act] => [
      `visitor ${name}`,
      (world) => over(world, ({ caller }) => visit(caller)),
    ]),
    ...PROBES.map((op): [string, Act] => [`probe ${op}`, probing[op]]),
  ]
  const running = actors.map(async ([actor, act], n) => {
    const mine = chance.fork()
    const caller = { actor, stand, history, ip: `10.1.${n}.1` }
    const isOver = () => ended
    const pause = () => sleep(mine.between(...PAUSE_MS))
    const world = { caller, chance: mine, isOver, pause, person: stand.people.at(-1)! }
    await act(world).catch((error) => failures.push(error))
  })
  const assertGoing = () => {
    if (failures.length > 0) throw failures[0]
  }
  return {
    left,
    assertGoing,
    async stop() {
      ended = true
      await Promise.all(running)
      assertGoing()
    },
  }
}

type Act = (world: World) => Promise<void>

type World = {
  caller: Caller
  chance: Chance
  isOver: () => boolean
  pause: () => Promise<void>
  /** Whom the probes sign in. */
  person: Person
}

/** Signs in, uses what comes of it for a while, and takes it back or leaves it. */
async function beAPerson(world: World, person: Person, left: Left[]): Promise<void> {
  const { caller, chance, isOver, pause } = world
  while (!isOver()) {
    const signedIn = await signIn({ caller, person, isOver, pushed: chance.often(0.5) })
    const first = signedIn && (await exchanged(world, signedIn))
    if (!signedIn || !first) {
      await pause()
      continue
    }
    const used: Chain[] = []
    let chain: Chain | undefined = first
    for (let round = chance.between(1, 4); round > 0 && chain && !isOver(); round--) {
      await pause()
      await patiently(isOver, async () => ({ answer: await userinfo(caller, chain!, person.id) }))
      const next: Chain | undefined = await refreshed(world, chain)
      if (next) used.push(chain)
      chain = next
    }
    if (!chain) continue
    const state = chance.often(0.5) ? await revoked(world, chain, person) : 'live'
    if (state) left.push({ signedIn, person, used, last: chain, state })
    await pause()
  }
}

/** Now and then twice at once, as an impatient client does. */
async function exchanged({ caller, chance, isOver }: World, signedIn: SignedIn) {
  if (!chance.often(0.2)) {
    return (await patiently(isOver, () => exchange(caller, signedIn)))?.chain
  }
  await Promise.all([exchange(caller, signedIn), exchange(caller, signedIn)])
  return undefined
}

async function refreshed(
  { caller, chance, isOver }: World,
  chain: Chain,
): Promise<Chain | undefined> {
  if (chance.often(0.1)) {
    const both = await Promise.all([refresh(caller, chain), refresh(caller, chain)])
    const answered = both.find((each) => each.chain)?.chain
    if (answered) return answered
  }
  return (await patiently(isOver, () => refresh(caller, chain)))?.chain
}

/** Takes back one token, then all of them, and tries what was taken back. */
async function revoked(
  { caller, chance, isOver }: World,
  chain: Chain,
  person: Person,
): Promise<'revoked' | undefined> {
  const { family } = chain
  const ended = async (shown: Parameters<typeof revoke>[1]) => {
    const answered = await patiently(isOver, async () => ({ answer: await revoke(caller, shown) }))
    return answered?.answer.kind === 'ok'
  }
  if (chance.often(0.3)) {
    if (!(await ended({ kind: 'access_token', value: chain.access, family }))) return undefined
    await userinfo(caller, chain, person.id)
  }
  if (!(await ended({ kind: 'refresh_token', value: chain.refresh, family }))) return undefined
  await Promise.all([userinfo(caller, chain, person.id), refresh(caller, chain)])
  return 'revoked'
}

async function beAService({ caller, chance, isOver, pause }: World): Promise<void> {
  while (!isOver()) {
    const { shown } = await clientCredentials(caller, 'opaqueService')
    if (shown) {
      await introspect(caller, shown)
      if (chance.often(0.3)) {
        await revoke(caller, shown, 'opaqueService')
        await introspect(caller, shown)
      }
    }
    await pause()
  }
}

const probing: Record<(typeof PROBES)[number], (world: World) => Promise<void>> = {
  authorize: (world) =>
    over(world, async ({ caller }) => {
      const { issuer, clients } = caller.stand
      const parameters = { client_id: clients.app.clientId, ...requestOfProbe() }
      const url = `${issuer}/authorize?${new URLSearchParams(parameters)}`
      const options = { timeoutMs: PATIENCE_MS, followRedirects: true }
      const way = randomUUID()
      const shows = [caller.history.label('sign_in', way, way)]
      await written(caller, { op: 'authorize', shows }, () =>
        hearPage(() => browserOf(caller).get(url, options)),
      )
    }),
  par: (world) =>
    over(world, async ({ caller }) => void (await push(caller, requestOfProbe(), 'probe of par'))),
  client_credentials: (world) =>
    over(world, async ({ caller }) => void (await clientCredentials(caller, 'service'))),
  introspect: (world) =>
    withChain(world, async (chain) => {
      const { family, access: value } = chain
      const answer = await introspect(world.caller, { kind: 'access_token', value, family })
      return await goOn(world, chain, answer)
    }),
  userinfo: (world) =>
    withChain(world, async (chain) => {
      const answer = await userinfo(world.caller, chain, world.person.id)
      return await goOn(world, chain, answer)
    }),
  refresh: (world) =>
    withChain(world, async (chain) => {
      const { answer, chain: next } = await refresh(world.caller, chain)
      return answer.kind === 'refused' ? undefined : (next ?? chain)
    }),
}

const requestOfProbe = () => ({
  response_type: 'code',
  redirect_uri: 'https://rp.example.test/callback',
  scope: 'openid',
  code_challenge: pkce().challenge,
  code_challenge_method: 'S256',
})

async function over(world: World, ask: (world: World) => Promise<void>): Promise<void> {
  while (!world.isOver()) {
    await ask(world)
    await world.pause()
  }
}

/** Uses the tokens of one sign-in; of a new one where those are no longer any good. */
async function withChain(
  world: World,
  use: (chain: Chain) => Promise<Chain | undefined>,
): Promise<void> {
  const { caller, person, isOver } = world
  let chain: Chain | undefined
  while (!isOver()) {
    if (chain) {
      chain = await use(chain)
    } else {
      const signedIn = await signIn({ caller, person, isOver, pushed: false })
      if (signedIn) chain = (await patiently(isOver, () => exchange(caller, signedIn)))?.chain
    }
    await world.pause()
  }
}

/** An access token that is refused is fetched anew, as every client does. */
async function goOn(
  { caller, isOver }: World,
  chain: Chain,
  { kind }: Answer,
): Promise<Chain | undefined> {
  if (kind !== 'refused') return chain
  return (await patiently(isOver, () => refresh(caller, chain)))?.chain
}
