import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { needsPrograms } from './component.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/** A site of somebody else, with a certificate that only who is told trusts. */
export type HttpsHost = {
  /** `https://127.0.0.1:port` */
  origin: string
  /** `127.0.0.1:port`, as AUTHCORE_OUTBOUND_ALLOW takes it. */
  address: string
  caFile: string
  /** What it answers under each path; anything else is 404. */
  pages: Map<string, { status?: number; body: string; headers?: Record<string, string> }>
  /** The paths that were asked for. */
  asked: string[]
  stop(): Promise<void>
}

export function available(): Availability {
  return needsPrograms('openssl')
}

export async function startHttpsHost(): Promise<HttpsHost> {
  const folder = temporaryFolder('https-host')
  const [keyFile, caFile] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const subject = ['-days', '2', '-subj', '/CN=site', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', keyFile, '-out', caFile]
  execFileSync('openssl', [...request, ...subject, ...files], { stdio: 'pipe' })
  const pages: HttpsHost['pages'] = new Map()
  const asked: string[] = []
  const credentials = { key: readFileSync(keyFile), cert: readFileSync(caFile) }
  const server = createServer(credentials, ({ url = '' }, response) => {
    asked.push(url)
    const { status = 200, body = '', headers = {} } = pages.get(url) ?? { status: 404 }
    response.writeHead(status, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const stop = async () => {
    await closed(server)
    rmSync(folder, { recursive: true })
  }
  return { origin: `https://${address}`, address, caFile, pages, asked, stop }
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
