import path from 'node:path'
import { freePort } from '../test/support/free_port.ts'
import { judge, median, printHeading, printRows, seconds } from './support/report.ts'
import {
  plainEnvironment,
  ROOT,
  readyUriOf,
  type ServerProcess,
  startServer,
  temporaryFolder,
} from './support/server_process.ts'

/**
 * How long the server is away when it is started again: from the start of the process to the first
 * 200 of /health/ready, with the embedded database and the demonstration, as `npm start` runs it.
 */

const TARGET_S = 2
const RUNS = 5

const COMMANDS = {
  'npm start': ['npm', 'start'],
  'node bin/authcore.mjs serve': [
    path.join(ROOT, 'node_modules/node/bin/node'),
    'bin/authcore.mjs',
    'serve',
  ],
} as const satisfies Record<string, [string, ...string[]]>

export async function measure(): Promise<boolean> {
  printHeading('Restart')
  const dataDir = path.join(await temporaryFolder(), 'data')
  const first = await startOnce(dataDir, COMMANDS['npm start'])
  await first.stop()
  const medians: number[] = []
  for (const [name, command] of Object.entries(COMMANDS)) {
    const runs: number[] = []
    for (let run = 0; run < RUNS; run++) {
      const server = await startOnce(dataDir, command)
      runs.push(server.readyMs)
      await server.stop()
    }
    medians.push(median(runs))
    console.log(name)
    printRows([
      { what: `  median of ${RUNS}`, value: seconds(median(runs)) },
      { what: '  fastest', value: seconds(Math.min(...runs)) },
      { what: '  slowest', value: seconds(Math.max(...runs)) },
    ])
  }
  console.log(`the first start of all, which makes database, keys and demonstration`)
  printRows([{ what: '  once', value: seconds(first.readyMs) }])
  return judge('Second start, npm start', medians[0]! / 1000, TARGET_S, 's')
}

async function startOnce(
  dataDir: string,
  command: readonly [string, ...string[]],
): Promise<ServerProcess> {
  const [port, demoPort] = [await freePort(), await freePort()]
  return await startServer({
    command,
    cwd: ROOT,
    env: {
      ...plainEnvironment(),
      PORT: String(port),
      AUTHCORE_DEMO_PORT: String(demoPort),
      // Its redirect URIs are those of the first start; nobody signs in here.
      AUTHCORE_DATA_DIR: dataDir,
    },
    readyUri: readyUriOf(port),
    timeoutMs: 60_000,
  })
}
