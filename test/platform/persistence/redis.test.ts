import { expect } from 'chai'
import type { Redis } from 'ioredis'
import { loadConfig } from '../../../src/platform/config/load_config.ts'
import { openRedis, type RedisClient } from '../../../src/platform/persistence/redis.ts'
import {
  available,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '../../support/redis.ts'
import { requires } from '../../support/skip.ts'

describe('platform/persistence/redis', function () {
  this.timeout(90_000)
  before(function () {
    requires(this, available())
  })

  const open = (env: Record<string, string>): RedisClient =>
    openRedis(loadConfig({ NODE_ENV: 'test', ...env }).storage)!

  async function roundTrip(client: RedisClient): Promise<void> {
    for (const key of ['authcore:{a}', 'authcore:{b}', 'authcore:{c}']) {
      await client.set(key, 'x', 'PXAT', Date.now() + 5_000)
      expect(await client.get(key)).to.equal('x')
    }
  }

  it('is not there where it is not configured', () => {
    expect(openRedis(loadConfig({ NODE_ENV: 'test' }).storage)).to.equal(undefined)
  })

  it('speaks to a single server, with its password', async () => {
    const redis = await startRedis()
    const operator = open({ REDIS_URL: redis.url })
    await (operator as Redis).config('SET', 'requirepass', 'open sesame')
    operator.disconnect()
    const client = open({ REDIS_URL: redis.url.replace('redis://', 'redis://:open%20sesame@') })
    await roundTrip(client)
    client.disconnect()
    await redis.stop()
  })

  it('speaks to a Cluster through any of its nodes', async () => {
    const cluster = await startRedisCluster()
    const client = open({ REDIS_URL: cluster.urls.join(','), AUTHCORE_REDIS_MODE: 'cluster' })
    await roundTrip(client)
    client.disconnect()
    await cluster.stop()
  })

  it('finds the master through Sentinels, and the new one when it is gone', async () => {
    const sentinel = await startRedisSentinel()
    const client = open({
      REDIS_URL: sentinel.urls.join(','),
      AUTHCORE_REDIS_MODE: 'sentinel',
      AUTHCORE_REDIS_SENTINEL_NAME: sentinel.name,
    })
    await roundTrip(client)
    await sentinel.nodes[0]!.component.stop()
    const deadline = Date.now() + 30_000
    let error: unknown
    do {
      error = await roundTrip(client).catch((failure: unknown) => failure)
    } while (error && Date.now() < deadline)
    expect(error).to.equal(undefined)
    client.disconnect()
    await sentinel.stop()
  })

  it('fails a command soon where nobody answers', async () => {
    const redis = await startRedis()
    const client = open({ REDIS_URL: redis.url })
    await roundTrip(client)
    await redis.stop()
    const startedAt = Date.now()
    await client.get('authcore:{a}').then(
      () => expect.fail('it answered'),
      () => {},
    )
    expect(Date.now() - startedAt).to.be.below(5_000)
    client.disconnect()
  })
})
