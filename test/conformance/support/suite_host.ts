import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { issueCertificate } from '../../support/certificates.ts'
import { freePort } from '../../support/free_port.ts'
import { temporaryFolder } from '../../support/leash.ts'

/**
 * Addresses of the suite that the provider asks: what is published there it fetches (key sets, sector
 * documents, request objects), and what it sends there is kept (logout tokens, pings).
 */
export type SuiteHost = {
  uri: string
  /** What the provider needs to be allowed and able to ask here. */
  env: { AUTHCORE_OUTBOUND_ALLOW: string; AUTHCORE_OUTBOUND_CA_FILE: string }
  /** The address of the document; a second one at the same path replaces the first. */
  publish(path: string, content: unknown): string
  /** The next POST that arrives, or one that is here already. */
  next(): Promise<Arrived>
  stop(): void
}

export type Arrived = {
  path: string
  headers: IncomingMessage['headers']
  body: string
}

const PATIENCE_MS = 15_000

export async function startSuiteHost(): Promise<SuiteHost> {
  const altNames = [['ip', '127.0.0.1'] as const]
  const { key, cert } = issueCertificate({ subject: [['CN', 'suite']], altNames, ca: true })
  const documents = new Map<string, string>()
  const arrivals = queue<Arrived>()
  const server = createServer({ key, cert }, async (request, response) => {
    const { method, url = '', headers } = request
    const body = await text(request)
    if (method === 'POST') arrivals.put({ path: url, headers, body })
    const document = method === 'POST' ? '' : documents.get(url)
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(document)
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const caFile = path.join(temporaryFolder('suite'), 'ca.pem')
  writeFileSync(caFile, cert)
  const host = `127.0.0.1:${port}`
  return {
    uri: `https://${host}`,
    env: { AUTHCORE_OUTBOUND_ALLOW: host, AUTHCORE_OUTBOUND_CA_FILE: caFile },
    publish(at, content) {
      documents.set(at, typeof content === 'string' ? content : JSON.stringify(content))
      return `https://${host}${at}`
    },
    next: arrivals.take,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function queue<T>() {
  const here: T[] = []
  const waiting: ((one: T) => void)[] = []
  return {
    put(one: T): void {
      const waits = waiting.shift()
      if (waits) waits(one)
      else here.push(one)
    },
    take: (): Promise<T> =>
      new Promise((resolve, reject) => {
        const one = here.shift()
        if (one !== undefined) return resolve(one)
        const timer = setTimeout(() => reject(new Error('nobody called in time')), PATIENCE_MS)
        waiting.push((arrived) => {
          clearTimeout(timer)
          resolve(arrived)
        })
      }),
  }
}
