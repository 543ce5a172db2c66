import cluster from 'node:cluster'
import { loadConfig } from '../../platform/config/load_config.ts'
import { withSecrets } from '../../platform/config/own_secrets.ts'
import type { Config } from '../../platform/config/schema.ts'

/**
 * `authcore serve` as its options and the configuration have it: in this process, or in several of
 * the same, one for each core, which a supervisor watches over
 * (docs/decisions/0031-several-processes-on-one-machine.md). From here: `supervisor.ts` starts the
 * members and starts them again, `member.ts` is what each of them does.
 */
export async function serveAsTold(options: ServeOptions): Promise<void> {
  const config = configured(options)
  const { role, workers } = config.server
  // Each is loaded where it is needed: a supervisor holds no server.
  if (cluster.isWorker) return await (await import('./member.ts')).serveAsMember(config)
  if (workers > 1) return await (await import('./supervisor.ts')).superviseMembers(config)
  await (await import('../serve.ts')).serve(config, role)
}

export type ServeOptions = Partial<Pick<Config['server'], 'role' | 'workers'>>

function configured(options: ServeOptions): Config {
  const config = withSecrets(loadConfig())
  return { ...config, server: { ...config.server, ...options } }
}
