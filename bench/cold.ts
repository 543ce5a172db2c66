import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../test/support/free_port.ts'
import { browser } from '../test/support/http.ts'
import { signInThroughPages } from './support/pages.ts'
import { judge, printHeading, printRows, seconds } from './support/report.ts'
import {
  plainEnvironment,
  ROOT,
  readyUriOf,
  startServer,
  temporaryFolder,
} from './support/server_process.ts'

/**
 * From nothing to somebody signed in: a fresh clone, an empty npm cache, `npm start`, and the
 * demonstration's sign-in through its pages, consent and callback included. Includes the download of
 * every dependency, so the network is part of it.
 */

const TARGET_S = 60
const TIMEOUT_MS = 300_000

export async function measure(): Promise<boolean> {
  printHeading('Cold start')
  const folder = await temporaryFolder()
  const clone = path.join(folder, 'authcore')
  const [port, demoPort] = [await freePort(), await freePort()]
  const began = performance.now()
  await promisify(execFile)('git', ['clone', '--quiet', `file://${ROOT}`, clone])
  const cloned = performance.now()
  const server = await startServer({
    command: ['npm', 'start'],
    cwd: clone,
    env: {
      ...plainEnvironment(),
      npm_config_cache: path.join(folder, 'npm-cache'),
      PORT: String(port),
      AUTHCORE_DEMO_PORT: String(demoPort),
    },
    readyUri: readyUriOf(port),
    timeoutMs: TIMEOUT_MS,
  })
  const ready = performance.now()
  await signInToDemo(`http://localhost:${demoPort}`, `http://localhost:${port}`, server.output())
  const done = performance.now()
  await server.stop()
  const servingMs = Number(/ready_ms"?[=:](\d+)/.exec(server.output())?.[1] ?? 0)
  printRows([
    { what: 'git clone', value: seconds(cloned - began) },
    { what: 'npm start: installing', value: seconds(ready - cloned - servingMs) },
    { what: 'npm start: first start to ready', value: seconds(servingMs) },
    { what: 'signing in through the pages', value: seconds(done - ready) },
    { what: 'in all', value: seconds(done - began) },
  ])
  return judge('From clone to signed in', (done - began) / 1000, TARGET_S, 's')
}

async function signInToDemo(demo: string, issuer: string, output: string): Promise<void> {
  const password = /Password +(\S+)/.exec(output)?.[1]
  if (!password) throw new Error(`no password was printed:\n${output}`)
  const person = browser()
  const begin = await person.submit(await person.get(demo))
  const leaving = await signInThroughPages(person, begin, {
    ours: issuer,
    login: 'demo@example.com',
    password,
  })
  const home = await person.followAll(leaving)
  if (!home.text().includes('Hello, Demo Person')) {
    throw new Error(`not signed in: ${home.text().slice(0, 300)}`)
  }
}
