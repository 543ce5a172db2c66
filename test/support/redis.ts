import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Redis } from 'ioredis'
import {
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { freePort } from './free_port.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/** Redis for tests: single, Cluster of three masters, and master + replica behind three Sentinels. */

export function available(): Availability {
  return needsPrograms('redis-server')
}

export type RedisNode = { port: number; url: string; component: Component }

type Running = { stop(): Promise<void> }

/** One server without persistence; `settings` as on the command line: `{ appendonly: 'yes' }`. */
export async function startRedis(
  settings: Record<string, string> = {},
): Promise<RedisNode & Running & { startAgain(): Promise<void> }> {
  const folder = temporaryFolder('redis')
  const node = await startNode(folder, settings)
  return Object.assign(node, {
    stop: () => node.component.stop(),
    async startAgain() {
      node.component = (await startNode(folder, settings, { port: node.port })).component
    },
  })
}

/** Forgets everything, at once. */
export async function flush({ port }: RedisNode): Promise<void> {
  await ask(port, 'FLUSHALL')
}

/** Three masters that share the 16384 slots; `urls` are the nodes to begin with. */
export async function startRedisCluster(): Promise<
  { urls: string[]; nodes: RedisNode[] } & Running
> {
  const folder = temporaryFolder('redis')
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => {
      const bus = await freePort()
      const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' }
      return { bus, node: await startNode(folder, { ...settings, 'cluster-port': String(bus) }) }
    }),
  )
  const slots = [0, 5461, 10_923, 16_384]
  for (const [i, { node }] of nodes.entries()) {
    await ask(node.port, 'CLUSTER', 'ADDSLOTSRANGE', slots[i]!, slots[i + 1]! - 1)
    await ask(node.port, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
  }
  // `redis-cli --cluster create` assumes that the bus listens at port + 10000.
  for (const { node, bus } of nodes.slice(1)) {
    await ask(nodes[0]!.node.port, 'CLUSTER', 'MEET', '127.0.0.1', node.port, bus)
  }
  for (const { node } of nodes) await untilReady(node.component, () => seesWholeCluster(node.port))
  return running(nodes.map(({ node }) => node))
}

async function seesWholeCluster(port: number): Promise<boolean> {
  const [info, list] = [await ask(port, 'CLUSTER', 'INFO'), await ask(port, 'CLUSTER', 'NODES')]
  return /cluster_state:ok/.test(info) && list.split(/\bconnected\b/).length === 4
}

/** A master, its replica, and three Sentinels that watch over them as `name`; failover in about 2 s. */
export async function startRedisSentinel(): Promise<
  { urls: string[]; name: string; nodes: RedisNode[] } & Running
> {
  const folder = temporaryFolder('redis')
  const master = await startNode(folder)
  const replica = await startNode(folder, { replicaof: `127.0.0.1 ${master.port}` })
  await untilReady(replica.component, async () =>
    /master_link_status:up/.test(await ask(replica.port, 'INFO', 'replication')),
  )
  const name = 'authcore'
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(folder, name, master.port)))
  for (const { port, component } of sentinels) {
    await untilReady(component, () => knowsEverybody(port, name), 30_000)
  }
  return {
    ...running([master, replica, ...sentinels]),
    name,
    urls: sentinels.map(({ url }) => url),
  }
}

async function startSentinel(folder: string, name: string, master: number): Promise<RedisNode> {
  const port = await freePort()
  const file = path.join(folder, `sentinel-${port}.conf`)
  writeFileSync(
    file,
    `sentinel monitor ${name} 127.0.0.1 ${master} 2
     sentinel down-after-milliseconds ${name} 1000
     sentinel failover-timeout ${name} 3000\n`,
  )
  return startNode(folder, {}, { port, before: [file, '--sentinel'] })
}

async function knowsEverybody(port: number, name: string): Promise<boolean> {
  const state = await ask(port, 'SENTINEL', 'MASTER', name)
  return /num-slaves,1,/.test(state) && /num-other-sentinels,2,/.test(state)
}

async function startNode(
  folder: string,
  settings: Record<string, string> = {},
  { port, before = [] }: { port?: number; before?: string[] } = {},
): Promise<RedisNode> {
  port ??= await freePort()
  const dir = path.join(folder, String(port))
  mkdirSync(dir, { recursive: true })
  const common = { port: String(port), bind: '127.0.0.1', dir, save: '' }
  const args = Object.entries({ ...common, ...settings }).flatMap(([key, value]) => [
    `--${key}`,
    ...(key === 'replicaof' ? value.split(' ') : [value]),
  ])
  const server = findProgram('redis-server')
  if (!server) throw new Error('redis-server is not installed')
  const component = startComponent(server, [...before, ...args], { logFile: path.join(dir, 'log') })
  await untilReady(component, () => answersPing(port))
  return { port, url: `redis://127.0.0.1:${port}`, component }
}

async function answersPing(port: number): Promise<boolean> {
  try {
    return (await ask(port, 'PING')) === 'PONG'
  } catch {
    return false
  }
}

/** One command on a connection of its own; lists come back joined by commas. */
async function ask(port: number, command: string, ...args: (string | number)[]): Promise<string> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => {})
  try {
    await client.connect()
    return String(await client.call(command, ...args))
  } finally {
    client.disconnect()
  }
}

function running(nodes: RedisNode[]) {
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    stop: async () => {
      await Promise.all(nodes.map(({ component }) => component.stop()))
    },
  }
}
