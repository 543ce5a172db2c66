import * as redis from '../support/redis.ts'
import { requires } from '../support/skip.ts'
import { describeOidcStores } from './oidc_stores.ts'

describeOidcStores('PostgreSQL and Redis Cluster', async (context) => {
  requires(context, redis.available())
  const { urls, stop } = await redis.startRedisCluster()
  return { env: { REDIS_URL: urls.join(), AUTHCORE_REDIS_MODE: 'cluster' }, stop }
})
