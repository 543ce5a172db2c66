import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../src/domain/clients/create_client.ts'
import { createResourceServer } from '../src/domain/clients/create_resource_server.ts'
import { findProgram } from '../test/support/component.ts'
import { cpuMsOf } from './protocol/processes.ts'
import { onPostgres, startMeasured } from './support/measured_server.ts'
import { median, printHeading, printRows } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'

/**
 * What a second process adds (`--workers 2`), by `wrk`, which costs the machine little itself. Rates are
 * those of a machine that the load and PostgreSQL share; where it has two cores, they cannot double.
 * What says more there is the CPU of the server for a request: if two processes spend no more on each
 * than one does, two cores of their own do twice as much, unless they wait for each other somewhere.
 */

const TARGET = 1.8
const ROUNDS = 3
const SECONDS = 4
const CONNECTIONS = 16
const API = 'https://api.example.test'

type Result = { perS: number; cpuMs: number; cores: number; failed: number }
type Load = { name: string; path: string; script: string }

export async function measure(): Promise<boolean> {
  const wrk = findProgram('wrk')
  if (!wrk) {
    console.error('This measurement needs wrk (Debian: apt-get install wrk).')
    return false
  }
  printHeading('Several processes')
  const folder = await temporaryFolder()
  return await onPostgres(folder, async (connection) => {
    const results = new Map<string, Result[]>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const workers of [1, 2]) {
        const { issuer, prepared, server } = await startMeasured(folder, connection, {
          prepare: async (bench) => await seed(bench, `load-${round}-${workers}`),
          env: { AUTHCORE_WORKERS: String(workers), AUTHCORE_DEMO: 'false' },
        })
        if (workers > 1) while (!server.output().includes('all processes serve')) await sleep(50)
        for (const load of loadsOf(folder, prepared)) {
          run(wrk, issuer, load, 2) // what is compiled and prepared once
          const result = await cost(server.pid, () => run(wrk, issuer, load, SECONDS))
          const key = `${load.name} ${workers}`
          results.set(key, [...(results.get(key) ?? []), result])
        }
        await server.stop()
      }
    }
    return report(results)
  })
}

async function seed(bench: Parameters<typeof createClient>[0], clientId: string) {
  if (clientId === 'load-0-1') {
    await createResourceServer(bench, {
      identifier: API,
      name: 'API',
      accessTokenFormat: 'jwt',
      scopes: [{ name: 'read' }],
    })
  }
  const { secret } = await createClient(bench, {
    clientId,
    name: 'Load',
    preset: 'service',
    metadata: { resource_scopes: { [API]: ['read'] } },
  })
  return `Basic ${btoa(`${clientId}:${secret}`)}`
}

function loadsOf(folder: string, authorization: string): Load[] {
  const script = path.join(folder, 'token.lua')
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource: API })
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.body = "${body}"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Authorization"] = "${authorization}"
`,
  )
  const none = path.join(folder, 'get.lua')
  writeFileSync(none, 'wrk.method = "GET"\n')
  return [
    { name: 'jwks', path: '/jwks', script: none },
    { name: 'token', path: '/token', script },
  ]
}

/** Requests that were answered, and those that were not or with another status than 2xx. */
function run(wrk: string, issuer: string, { path, script }: Load, seconds: number) {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, `${issuer}${path}`]
  const output = execFileSync(wrk, args, { encoding: 'utf8' })
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0)
  return {
    requests: number(/(\d+) requests in/),
    failed: number(/Non-2xx or 3xx responses: (\d+)/),
    perS: number(/Requests\/sec:\s+([\d.]+)/),
  }
}

async function cost(pid: number, work: () => ReturnType<typeof run>): Promise<Result> {
  const [cpu, at] = [cpuMsOf(pid), performance.now()]
  const { requests, perS, failed } = work()
  const spent = cpuMsOf(pid) - cpu
  return { perS, failed, cpuMs: spent / requests, cores: spent / (performance.now() - at) }
}

function report(results: Map<string, Result[]>): boolean {
  const middle = (key: string, of: (result: Result) => number) => median(results.get(key)!.map(of))
  const met: boolean[] = []
  for (const name of ['jwks', 'token']) {
    const rows = [1, 2].map((workers) => {
      const key = `${name} ${workers}`
      const perS = middle(key, (result) => result.perS)
      const cpuMs = middle(key, (result) => result.cpuMs)
      const cores = middle(key, (result) => result.cores)
      const value = `${perS.toFixed(0)}/s, ${cpuMs.toFixed(3)} ms of CPU each, ${cores.toFixed(2)} cores busy`
      return { what: `${name}, ${workers} of them`, value }
    })
    printRows(rows)
    const rate = (workers: number) => middle(`${name} ${workers}`, (result) => result.perS)
    const cpu = (workers: number) => middle(`${name} ${workers}`, (result) => result.cpuMs)
    const alone = (2 * cpu(1)) / cpu(2)
    console.log(`  achieved beside the load: ${(rate(2) / rate(1)).toFixed(2)} ×`)
    console.log(`  on two cores of their own, by CPU: ${alone.toFixed(2)} ×, target ${TARGET} ×`)
    met.push(alone >= TARGET)
  }
  const failed = [...results.values()].flat().reduce((sum, result) => sum + result.failed, 0)
  console.log(`requests that failed: ${failed}`)
  return failed === 0 && met.every(Boolean)
}
