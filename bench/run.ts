/**
 * `npm run bench -- NAME`: measures one thing of those below, prints it, and exits with 1 where a target is missed.
 * Everything stays on this machine and in temporary folders, and ends.
 */

type Measurement = { measure(): Promise<boolean> }

const MEASUREMENTS: Record<string, () => Promise<Measurement>> = {
  cold: () => import('./cold.ts'),
  restart: () => import('./restart.ts'),
  memory: () => import('./memory.ts'),
  import: () => import('./import.ts'),
  directory_sync: () => import('./directory_sync.ts'),
  login_flood: () => import('./login_flood.ts'),
  directory_logins: () => import('./directory_logins.ts'),
}

const load = MEASUREMENTS[process.argv[2] ?? '']
if (load) {
  const { measure } = await load()
  process.exitCode = (await measure()) ? 0 : 1
} else {
  console.error(`usage: npm run bench -- ${Object.keys(MEASUREMENTS).join('|')}`)
  process.exitCode = 1
}
