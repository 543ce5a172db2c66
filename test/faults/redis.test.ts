import { redisFailover, redisFaults } from './groups/redis_faults.ts'
import { describeFaults } from './harness/describe_faults.ts'

describeFaults(redisFaults)
describeFaults(redisFailover)
