import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '../../src/core/errors.ts'
import { AUTHCORE, type AuthcoreCli, authcoreCli, ROOT } from './authcore_cli.ts'
import { makeCertificate } from './certificates.ts'
import { type Deployment, environmentOf } from './environment.ts'
import { startTlsFront } from './tls_front.ts'

/** A server to certify, and the command line that works beside it. */
export type Product = { op: string; cli: AuthcoreCli; stop(): Promise<void> }

/** One that runs already: its operator's environment names its database. */
export function runningProduct(op: string): Product {
  return { op, cli: authcoreCli(process.env), stop: async () => {} }
}

const START_MS = 60_000
const STOP_MS = 30_000

/** The product as it is, in a process of its own, with TLS before it at the port of its issuer. */
export async function startProduct(deployment: Omit<Deployment, 'port'>): Promise<Product> {
  const { issuer, folder } = deployment
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const port = await freePort()
  const env = environmentOf({ ...deployment, port })
  const { hostname, port: issuerPort } = new URL(issuer)
  const certificate = await makeCertificate(...new Set([hostname, 'localhost', '127.0.0.1']))
  // For whoever wants to trust it.
  writeFileSync(path.join(folder, 'certificate.pem'), certificate.cert)
  const logFile = path.join(folder, 'server.log')
  const child = serve(env, logFile)
  try {
    await untilReady(child, port, logFile)
    const ports = { listenPort: Number(issuerPort || 443), upstreamPort: port }
    const front = await startTlsFront(certificate, ports)
    return {
      op: issuer,
      cli: authcoreCli(env),
      async stop() {
        await front.close()
        await end(child)
      },
    }
  } catch (error) {
    await end(child)
    throw error
  }
}

function serve(env: NodeJS.ProcessEnv, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(process.execPath, [AUTHCORE, 'serve'], {
    env,
    cwd: ROOT,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  // It ends its database with itself, also when we no longer look.
  const kill = () => child.kill('SIGTERM')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

async function untilReady(child: ChildProcess, port: number, logFile: string): Promise<void> {
  const deadline = performance.now() + START_MS
  while (child.exitCode === null && performance.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.status === 200) return
    await sleep(100)
  }
  throw new DomainError('unavailable', 'The server did not start.', {
    hint: `Its words are in ${logFile}.`,
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })])
  child.kill('SIGKILL')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
