import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The server as an operator runs it: a process with an environment, a standard output and an end. */
export type ServerProcess = {
  output(): string
  /** The lines of the log so far, in the order of their printing. */
  logged(): Record<string, unknown>[]
  /** Resolves when the output contains the text; rejects when the process ends first. */
  says(text: string): Promise<void>
  signal(name: NodeJS.Signals): void
  ended: Promise<number | null>
  clean(): Promise<void>
}

const CLI = fileURLToPath(new URL('../../src/main/cli/authcore.ts', import.meta.url))

/**
 * @param env with AUTHCORE_DATA_DIR the folder is the caller's, and stays when the process is cleaned up
 * @param cli of another copy of the program
 */
export function startProcess(
  args: string[],
  env: Record<string, string>,
  cli = CLI,
): ServerProcess {
  const ownDir = mkdtempSync(path.join(tmpdir(), 'authcore-process-'))
  const child: ChildProcess = spawn(process.execPath, [cli, ...args], {
    env: { PATH: process.env['PATH'], AUTHCORE_DATA_DIR: ownDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const logged: Record<string, unknown>[] = []
  let readTo = 0
  const waiting = new Set<() => void>()
  const hear = (chunk: Buffer) => {
    text += chunk
    for (const check of waiting) check()
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      resolve(code)
      for (const check of waiting) check()
    })
  })
  return {
    output: () => text,
    logged() {
      const end = text.lastIndexOf('\n') + 1
      const fresh = text.slice(readTo, end).split('\n')
      readTo = end
      const entries = fresh.filter((line) => line.startsWith('{"level"'))
      logged.push(...entries.map((line) => JSON.parse(line) as Record<string, unknown>))
      return logged
    },
    says(wanted) {
      return new Promise((resolve, reject) => {
        const check = () => {
          if (text.includes(wanted)) resolve()
          else if (child.exitCode !== null || child.signalCode !== null)
            reject(new Error(`ended without "${wanted}":\n${text}`))
          else return
          waiting.delete(check)
        }
        waiting.add(check)
        check()
      })
    },
    signal: (name) => void child.kill(name),
    ended,
    async clean() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
      rmSync(ownDir, { recursive: true, force: true })
    },
  }
}

/** A GET on a socket of its own, as a load balancer's probe makes it. */
export function probe(
  url: string,
): Promise<{ status: number; body: string; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode!, body, connection: response.headers.connection }),
        )
      })
      .on('error', reject)
  })
}
