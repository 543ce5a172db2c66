import * as redis from '../support/redis.ts'
import { describeNodes } from './behind_haproxy.ts'

describeNodes('PostgreSQL and Redis', {
  available: redis.available,
  async start() {
    const node = await redis.startRedis()
    return { env: { REDIS_URL: node.url }, stop: () => node.stop() }
  },
})
