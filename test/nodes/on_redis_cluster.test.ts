import * as redis from '../support/redis.ts'
import { describeNodes } from './behind_haproxy.ts'

describeNodes('PostgreSQL and a Redis Cluster', {
  available: redis.available,
  async start() {
    const cluster = await redis.startRedisCluster()
    const env = { REDIS_URL: cluster.urls.join(','), AUTHCORE_REDIS_MODE: 'cluster' }
    return { env, stop: () => cluster.stop() }
  },
})
