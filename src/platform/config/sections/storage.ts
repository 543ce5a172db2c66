import { z } from 'zod'
import { durationS, flag, integer, list, setting } from '../setting.ts'

const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, { error: 'must begin with postgres://' })
const redisUrl = z
  .string()
  .regex(/^rediss?:\/\//, { error: 'must begin with redis:// or rediss://' })

/** Where state lives. Without DATABASE_URL a PostgreSQL of our own is started below `dataDir`. */
export const storageSection = z.strictObject({
  databaseUrl: setting(databaseUrl.optional(), {
    env: 'DATABASE_URL',
    doc: 'PostgreSQL 15 or newer.',
    secret: true,
    defaultDoc: 'an embedded PostgreSQL below the data directory',
  }),
  databasePoolMax: setting(integer(2, 200).default(10), {
    env: 'AUTHCORE_DATABASE_POOL_MAX',
    doc: 'Most connections that one process opens to PostgreSQL.',
  }),
  databaseTimeoutS: setting(durationS(1, 120).default(5), {
    env: 'AUTHCORE_DATABASE_TIMEOUT',
    doc: 'How long a request waits for a connection, and how long one statement may run, before the answer is 503.',
  }),
  embeddedDatabase: setting(flag.default(false), {
    env: 'AUTHCORE_EMBEDDED_DATABASE',
    doc: 'Accept the embedded PostgreSQL in production. Meant for a single machine whose data directory is backed up.',
  }),
  dataDir: setting(z.string().min(1).default('data'), {
    env: 'AUTHCORE_DATA_DIR',
    doc: 'Where the embedded database and the secrets made at the first start live. Relative to the working directory.',
  }),
  redisUrls: setting(list(redisUrl).default([]), {
    env: 'REDIS_URL',
    doc: 'Redis, optional: interactions, opaque tokens and rate limits then live there. Several addresses, comma separated, for Sentinel or Cluster.',
    secret: true,
  }),
  redisMode: setting(z.enum(['single', 'sentinel', 'cluster']).default('single'), {
    env: 'AUTHCORE_REDIS_MODE',
    doc: 'How the addresses of REDIS_URL are to be understood.',
  }),
  redisSentinelName: setting(z.string().min(1).default('mymaster'), {
    env: 'AUTHCORE_REDIS_SENTINEL_NAME',
    doc: 'The name of the master that the Sentinels watch.',
  }),
})
