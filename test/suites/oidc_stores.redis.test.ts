import * as redis from '../support/redis.ts'
import { requires } from '../support/skip.ts'
import { describeOidcStores } from './oidc_stores.ts'

describeOidcStores('PostgreSQL and Redis', async (context) => {
  requires(context, redis.available())
  const { url, stop } = await redis.startRedis()
  return { env: { REDIS_URL: url }, stop }
})
