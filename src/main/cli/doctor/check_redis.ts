import { Cluster } from 'ioredis'
import type { ConfigBeforeSecrets } from '../../../platform/config/schema.ts'
import { openRedis, type RedisClient } from '../../../platform/persistence/redis.ts'
import { bad, type Finding, ok, warn } from './finding.ts'

/** Redis, where one is configured: every master that would hold a part of what we keep there. */

/** SET with PXAT. */
const VERSION_MIN = [6, 2] as const

type Node = Pick<RedisClient, 'info' | 'config'>

export async function checkRedis(storage: ConfigBeforeSecrets['storage']): Promise<Finding[]> {
  const redis = openRedis(storage)
  if (!redis) return []
  try {
    await redis.ping()
    const nodes: Node[] = redis instanceof Cluster ? redis.nodes('master') : [redis]
    return (await Promise.all(nodes.map(checkNode))).flat()
  } catch (error) {
    return [
      bad(
        'redis',
        `does not answer: ${(error as Error).message}`,
        'Check REDIS_URL and AUTHCORE_REDIS_MODE. Until it is back everything is kept in PostgreSQL.',
      ),
    ]
  } finally {
    redis.disconnect()
  }
}

async function checkNode(node: Node): Promise<Finding[]> {
  const info = readInfo(await node.info())
  return [checkVersion(info), checkMemory(info), await checkPersistence(node, info)]
}

type Info = ReadonlyMap<string, string>

function readInfo(text: string): Info {
  return new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
    }),
  )
}

function checkVersion(info: Info): Finding {
  const version = info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor, leastMinor] = VERSION_MIN
  const old = major < leastMajor || (major === leastMajor && minor < leastMinor)
  return old
    ? bad(
        'redis',
        `Redis ${version} is too old`,
        `Upgrade to Redis ${VERSION_MIN.join('.')} or newer.`,
      )
    : ok('redis', `Redis ${version}, ${info.get('redis_mode') ?? 'standalone'}`)
}

function checkMemory(info: Info): Finding {
  const policy = info.get('maxmemory_policy') ?? 'unknown'
  const limited = Number(info.get('maxmemory') ?? 0) > 0
  if (!limited) return ok('redis eviction', `no memory limit, policy ${policy}`)
  return policy === 'noeviction'
    ? ok('redis eviction', `limit ${info.get('maxmemory_human')}, policy ${policy}`)
    : warn(
        'redis eviction',
        `limit ${info.get('maxmemory_human')}, policy ${policy}: tokens and counters may vanish early`,
        'Set maxmemory-policy noeviction, and enough memory.',
      )
}

async function checkPersistence(node: Node, info: Info): Promise<Finding> {
  const check = 'redis persistence'
  const failing =
    info.get('rdb_last_bgsave_status') === 'err' || info.get('aof_last_write_status') === 'err'
  if (failing) {
    return bad(
      check,
      'Redis cannot write to its disk',
      'Its log says why; until then it refuses writes.',
    )
  }
  if (info.get('aof_enabled') === '1') return ok(check, 'append-only file')
  const snapshots = await snapshotsOf(node)
  if (snapshots === undefined)
    return ok(check, 'no append-only file; it does not tell of snapshots')
  return snapshots
    ? ok(check, 'snapshots')
    : warn(
        check,
        'none: a restart of Redis forgets opaque tokens, open pages and what was counted',
        'Set appendonly yes, unless that is acceptable.',
      )
}

/** Undefined where it does not let us ask, as managed ones do not. */
async function snapshotsOf(node: Node): Promise<boolean | undefined> {
  try {
    const answer = (await node.config('GET', 'save')) as string[]
    return (answer[1] ?? '') !== ''
  } catch {
    return undefined
  }
}
