/**
 * `npm run bench -- [NAME]`: measures one thing of those below, the first where none is named, prints it,
 * and exits with 1 where a target is missed. Everything stays on this machine and in temporary folders,
 * and ends.
 */

type Measurement = { measure(args: readonly string[]): Promise<boolean> }

const MEASUREMENTS: Record<string, () => Promise<Measurement>> = {
  protocol: () => import('./protocol.ts'),
  profile: () => import('./profile.ts'),
  saturation: () => import('./saturation.ts'),
  cold: () => import('./cold.ts'),
  restart: () => import('./restart.ts'),
  memory: () => import('./memory.ts'),
  import: () => import('./import.ts'),
  directory_sync: () => import('./directory_sync.ts'),
  workers: () => import('./workers.ts'),
  hash: () => import('./hash.ts'),
  soak: () => import('./soak.ts'),
  login_flood: () => import('./login_flood.ts'),
  directory_logins: () => import('./directory_logins.ts'),
  growth: () => import('./growth.ts'),
  idle: () => import('./idle.ts'),
  day: () => import('./day.ts'),
}

const [name = 'protocol', ...args] = process.argv.slice(2)
const load = MEASUREMENTS[name]
if (load) {
  const { measure } = await load()
  process.exitCode = (await measure(args)) ? 0 : 1
} else {
  console.error(`usage: npm run bench -- ${Object.keys(MEASUREMENTS).join('|')}`)
  process.exitCode = 1
}
