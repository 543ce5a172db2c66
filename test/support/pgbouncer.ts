import { chownSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  accepts,
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { freePort } from './free_port.ts'
import { temporaryFolder } from './leash.ts'
import type { Connection } from './postgres.ts'
import type { Availability } from './skip.ts'

/** PgBouncer in front of a test database, set up as docs/OPERATIONS.md has it. */

export function available(): Availability {
  return needsPrograms('pgbouncer')
}

export type PgBouncer = {
  /** For DATABASE_URL. */
  url: string
  component: Component
  stop(): Promise<void>
}

/** @param poolMode what a server connection is lent out for */
export async function startPgBouncer(
  { host, port, user, database }: Connection,
  poolMode: 'session' | 'transaction' = 'session',
): Promise<PgBouncer> {
  const folder = temporaryFolder('pgbouncer')
  const listenPort = await freePort()
  const config = path.join(folder, 'pgbouncer.ini')
  writeFileSync(
    config,
    `
[databases]
* = host=${host} port=${port} user=${user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = ${poolMode}
ignore_startup_parameters = extra_float_digits,statement_timeout
`,
  )
  // It refuses to be root; whoever owns the socket may use it.
  const { uid, gid } = statSync(path.join(host, `.s.PGSQL.${port}`))
  const asOwner = process.getuid?.() === 0 && uid !== 0
  if (asOwner) chownSync(config, uid, gid)
  const program = findProgram('pgbouncer')
  if (!program) throw new Error('pgbouncer is not installed')
  const change = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', program, config]
  const component = asOwner
    ? startComponent('setpriv', change, { logFile: path.join(folder, 'log') })
    : startComponent(program, [config], { logFile: path.join(folder, 'log') })
  await untilReady(component, () => accepts(listenPort))
  return {
    url: `postgres://${user}@127.0.0.1:${listenPort}/${database}`,
    component,
    stop: () => component.stop(),
  }
}
