import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { durationS, flag, integer, list, setting } from '../setting.ts'
import { cidr, webOrigin } from '../values.ts'

const workers = z
  .union([z.literal('auto'), integer(1, 64)], { error: 'must be a number from 1 to 64, or auto' })
  .transform((wanted) => (wanted === 'auto' ? availableParallelism() : wanted))

/** Where the server listens, what it is called from outside, and whom it believes. */
export const serverSection = z.strictObject({
  issuer: setting(webOrigin.optional(), {
    env: 'ISSUER',
    doc: 'The issuer identifier: the origin (scheme, host, port) under which people and clients reach this deployment. Every URL that leaves the server is built from it, never from a request header.',
    defaultDoc: '`http://localhost:<port>` outside production; required in production, with https',
  }),
  port: setting(integer(0, 65535).default(5001), {
    env: 'PORT',
    doc: 'TCP port to listen on.',
  }),
  host: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_HOST',
    doc: 'Address to listen on.',
    defaultDoc: '`127.0.0.1` outside production, `0.0.0.0` in production',
  }),
  trustedProxies: setting(list(cidr).default([]), {
    env: 'AUTHCORE_TRUSTED_PROXIES',
    doc: 'Addresses or CIDR ranges of the reverse proxies in front. Only from these is X-Forwarded-For read, from right to left; from anyone else forwarding headers have no effect.',
  }),
  role: setting(z.enum(['all', 'web', 'worker']).default('all'), {
    env: 'AUTHCORE_ROLE',
    doc: 'Which part runs in this process: `web` answers requests, `worker` delivers events and runs jobs, `all` does both.',
  }),
  workers: setting(workers.default(1), {
    env: 'AUTHCORE_WORKERS',
    doc: 'How many processes `authcore serve` starts, each with one core to fill; `auto` is one for each core. Above 1, one more process watches over them.',
  }),
  drainDelayS: setting(durationS(0, 300).optional(), {
    env: 'AUTHCORE_DRAIN_DELAY',
    doc: 'After SIGTERM, how long /health/ready already answers 503 while requests are served as before: the time a proxy needs to notice.',
    defaultDoc: '`5s` in production, `0s` outside',
  }),
  drainS: setting(durationS(0, 300).default(20), {
    env: 'AUTHCORE_DRAIN',
    doc: 'Once nothing new is accepted, how long requests in flight may take to finish before connections are closed.',
  }),
  keepAliveS: setting(durationS(1, 900).default(5), {
    env: 'AUTHCORE_KEEP_ALIVE',
    doc: 'How long an idle connection is kept. Longer than the proxy keeps its own, or a request may meet a connection that is being closed.',
  }),
  logLevel: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    {
      env: 'AUTHCORE_LOG_LEVEL',
      doc: 'The least severe level that is logged.',
    },
  ),
  logPretty: setting(flag.optional(), {
    env: 'AUTHCORE_LOG_PRETTY',
    doc: 'One readable line per entry instead of JSON.',
    defaultDoc: '`true` on a terminal outside production',
  }),
  metricsAllow: setting(list(cidr).default(['127.0.0.0/8', '::1/128']), {
    env: 'AUTHCORE_METRICS_ALLOW',
    doc: 'Client addresses that may read /metrics and the details of /health/ready. Everyone else gets 404 and a bare status.',
  }),
})
