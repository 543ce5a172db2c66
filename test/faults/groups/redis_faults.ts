import * as redis from '../../support/redis.ts'
import type { Fault, Group, Setting } from '../harness/fault.ts'
import type { Kind } from '../harness/history.ts'
import { startStand } from '../harness/stand.ts'

/** What happens to Redis, which is a convenience: nothing that must not be lost is only there. */

type Single = Setting & { node: Awaited<ReturnType<typeof redis.startRedis>> }
type Sentinels = Setting & { nodes: redis.RedisNode[]; master: number }

/** What is only in Redis (docs/decisions/0003), and goes with its memory. */
const ONLY_THERE: readonly Kind[] = ['access_token', 'service_token', 'sign_in']

export const redisFaults: Group<Single> = {
  title: 'a Redis that fails',
  needs: redis.available,
  async start() {
    const node = await redis.startRedis()
    const stand = await startStand({ env: { REDIS_URL: node.url } })
    const stop = async () => {
      await stand.stop()
      await node.stop()
    }
    return { stand, node, stop }
  },
  faults: [
    {
      name: 'redis_stopped',
      what: 'Redis is killed (-9), and started again with nothing in it',
      async strike({ node }) {
        await node.component.stop('SIGKILL')
        return () => node.startAgain()
      },
      lastsMs: { short: 1_500, long: 10_000 },
      meets: ['unavailable'],
      mustMeet: 'unavailable',
      ends: ONLY_THERE,
    },
    {
      name: 'redis_frozen',
      what: 'Redis is frozen and goes on',
      async strike({ node }) {
        process.kill(node.component.pid, 'SIGSTOP')
        return async () => void process.kill(node.component.pid, 'SIGCONT')
      },
      lastsMs: { short: 3_000, long: 10_000 },
      meets: ['unavailable'],
      mustMeet: 'unavailable',
    },
    {
      name: 'redis_flushed',
      what: 'Redis forgets everything',
      async strike({ node }) {
        await redis.flush(node)
        return async () => {}
      },
      lastsMs: { short: 0, long: 0 },
      meets: [],
      ends: ONLY_THERE,
    },
  ],
}

const failover: Fault<Sentinels> = {
  name: 'redis_failing_over',
  what: 'the master of Redis is killed (-9), and Sentinel makes the replica the master',
  async strike({ nodes, master }) {
    await nodes[master]!.component.stop('SIGKILL')
    // Nobody gives it back: the replica takes its place.
    return async () => {}
  },
  lastsMs: { short: 0, long: 0 },
  meets: ['unavailable'],
  // What the replica had not heard of yet is gone.
  ends: ONLY_THERE,
}

export const redisFailover: Group<Sentinels> = {
  title: 'a Redis that fails over',
  needs: redis.available,
  async start() {
    const { nodes, name, urls, stop } = await redis.startRedisSentinel()
    const stand = await startStand({
      env: {
        REDIS_URL: urls.join(','),
        AUTHCORE_REDIS_MODE: 'sentinel',
        AUTHCORE_REDIS_SENTINEL_NAME: name,
      },
    })
    return {
      stand,
      nodes,
      master: 0,
      async stop() {
        await stand.stop()
        await stop()
      },
    }
  },
  faults: [failover],
}
