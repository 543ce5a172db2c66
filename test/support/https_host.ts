import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import path from 'node:path'
import { needsPrograms } from './component.ts'
import { freePort } from './free_port.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/** A server of somebody else, with https: its certificate is its own authority. */
export type HttpsHost = {
  origin: string
  /** `host:port`, as the allow-list has it. */
  endpoint: string
  /** The file with the certificate to trust. */
  caFile: string
  /** What was asked for since the last look. */
  seen(): string[]
  /** What it answers under each path; anything else is 404. */
  pages: Map<string, { status?: number; body: string; headers?: Record<string, string> }>
  /** Answers instead of the pages. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  stop(): void
}

export function available(): Availability {
  return needsPrograms('openssl')
}

export async function startHttpsHost(): Promise<HttpsHost> {
  const folder = temporaryFolder('https-host')
  execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=host -addext subjectAltName=IP:127.0.0.1'.split(
      ' ',
    ),
    { cwd: folder, stdio: 'pipe' },
  )
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8')
  const port = await freePort()
  let seen: string[] = []
  const server = createServer(
    { key: read('key.pem'), cert: read('cert.pem') },
    (request, response) => {
      seen.push(request.url ?? '')
      host.answer(request, response)
    },
  )
  const host: HttpsHost = {
    origin: `https://127.0.0.1:${port}`,
    endpoint: `127.0.0.1:${port}`,
    caFile: path.join(folder, 'cert.pem'),
    seen() {
      const before = seen
      seen = []
      return before
    },
    pages: new Map(),
    answer({ url = '' }, response) {
      const { status = 200, body = '', headers = {} } = host.pages.get(url) ?? { status: 404 }
      response.writeHead(status, headers).end(body)
    },
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return host
}
