import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  accepts,
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { freePort } from './free_port.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/**
 * haproxy in front of several servers of ours, round robin, as an operator would write it: a health
 * check every half second that a busy machine may be slow to answer, one retry on another server, X-Forwarded-* set. Its `forwardfor` appends,
 * so that a client's own X-Forwarded-For survives as the first element.
 */

export function available({ tls = false } = {}): Availability {
  return needsPrograms('haproxy', ...(tls ? ['openssl'] : []))
}

export type HaproxyOptions = {
  /** `127.0.0.1:3000` each. */
  upstreams: string[]
  port?: number
  /** The path of the health check. */
  healthPath?: string
  /** Terminates TLS with a self-signed certificate for localhost. */
  tls?: boolean
}

export type Haproxy = {
  url: string
  /** The certificate to trust, in PEM; undefined without TLS. */
  ca: string | undefined
  component: Component
  stop(): Promise<void>
}

export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const haproxy = findProgram('haproxy')
  if (!haproxy) throw new Error('haproxy is not installed')
  const folder = temporaryFolder('haproxy')
  const port = options.port ?? (await freePort())
  const certificate = options.tls ? selfSigned(folder) : undefined
  const config = path.join(folder, 'haproxy.cfg')
  writeFileSync(config, configuration({ ...options, port, certificate }))
  const component = startComponent(haproxy, ['-db', '-f', config], {
    logFile: path.join(folder, 'log'),
  })
  await untilReady(component, () => accepts(port))
  return {
    url: certificate ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    ca: certificate?.ca,
    component,
    stop: () => component.stop(),
  }
}

type Written = HaproxyOptions & { port: number; certificate: Certificate | undefined }

function configuration({ upstreams, healthPath = '/', port, certificate }: Written): string {
  return `
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout check 5s
  retries 2
  option redispatch
frontend public
  bind 127.0.0.1:${port}${certificate ? ` ssl crt ${certificate.file} alpn h2,http/1.1` : ''}
  http-request set-header X-Forwarded-Proto ${certificate ? 'https' : 'http'}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port ${port}
  default_backend servers
backend servers
  option forwardfor
  balance roundrobin
  option httpchk GET ${healthPath}
  default-server inter 500ms fall 2 rise 1
${upstreams.map((address, i) => `  server s${i} ${address} check`).join('\n')}
`
}

type Certificate = { ca: string; file: string }

/** A certificate that is its own authority, and the file with it and its key that haproxy wants. */
function selfSigned(folder: string): Certificate {
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject]
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  const file = path.join(folder, 'both.pem')
  writeFileSync(file, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'))
  return { ca: readFileSync(cert, 'utf8'), file }
}
