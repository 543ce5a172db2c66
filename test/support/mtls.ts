import { writeFileSync } from 'node:fs'
import path from 'node:path'
import * as oidc from 'openid-client'
import { Agent, fetch } from 'undici'
import { type AuthCore, type AuthCoreOptions, startAuthCore } from './authcore.ts'
import { type CertificateOptions, type Issued, issueCertificate } from './certificates.ts'
import { freePort } from './free_port.ts'
import { type Browser, browser } from './http.ts'
import { temporaryFolder } from './leash.ts'

/**
 * The server with client certificates (RFC 8705): with its own TLS listener, or as behind a proxy on
 * this machine that hands certificates on in `Client-Cert`.
 */
export type MutualTls = {
  server: AuthCore
  /** Where certificates are presented: the origin of the aliases. */
  origin: string
  /** The authority of the listener's own certificate, to be trusted by clients. */
  ca: string
  /** The authority whose certificates count as verified. */
  authority: Issued
  /** A certificate of the authority, for a client. */
  issue(options?: CertificateOptions): Issued
  /** Calls the listener; without a certificate as anybody. */
  at(certificate?: Issued): Browser
}

export async function startWithMutualTls(
  mode: 'listener' | 'proxy',
  { env = {}, ...options }: AuthCoreOptions = {},
): Promise<MutualTls> {
  const folder = temporaryFolder('mtls')
  const file = (name: string, content: string) => {
    writeFileSync(path.join(folder, name), content)
    return path.join(folder, name)
  }
  const authority = issueCertificate({ ca: true, subject: [['CN', 'Client authority']] })
  const root = issueCertificate({ ca: true, subject: [['CN', 'Server authority']] })
  const own = issueCertificate({
    by: root,
    subject: [['CN', 'localhost']],
    altNames: [
      ['dns', 'localhost'],
      ['ip', '127.0.0.1'],
    ],
  })
  const port = await freePort()
  const origin = `https://localhost:${port}`
  const listener = {
    AUTHCORE_MTLS_PORT: String(port),
    AUTHCORE_MTLS_CERT_FILE: file('cert.pem', own.cert),
    AUTHCORE_MTLS_KEY_FILE: file('key.pem', own.key),
  }
  const server = await startAuthCore({
    ...options,
    env: {
      AUTHCORE_MTLS: mode,
      AUTHCORE_MTLS_ORIGIN: origin,
      AUTHCORE_MTLS_CA_FILE: file('ca.pem', authority.cert),
      ...(mode === 'listener' ? listener : { AUTHCORE_TRUSTED_PROXIES: '127.0.0.1,::1' }),
      ...env,
    },
  })
  return {
    server,
    origin,
    ca: root.cert,
    authority,
    issue: (given = {}) => issueCertificate({ by: authority, purpose: 'client', ...given }),
    at: (certificate) => browser({ base: origin, ca: root.cert, certificate }),
  }
}

/** What a proxy writes for a certificate (RFC 9440 §2.2). */
export function clientCert({ der }: Issued): { 'client-cert': string } {
  return { 'client-cert': `:${der}:` }
}

/** A relying party of openid-client that shows a certificate wherever it is asked for one. */
export async function partyWithCertificate(
  { server, ca }: MutualTls,
  clientId: string,
  certificate: Issued,
  metadata: Partial<oidc.ClientMetadata> = {},
): Promise<oidc.Configuration> {
  const { cert, key } = certificate
  const dispatcher = new Agent({ connect: { ca, cert, key }, pipelining: 0 })
  const customFetch = ((url: string, options: object) =>
    fetch(url, { ...options, dispatcher })) as unknown as oidc.CustomFetch
  return await oidc.discovery(
    new URL(server.issuer),
    clientId,
    { id_token_signed_response_alg: 'ES256', use_mtls_endpoint_aliases: true, ...metadata },
    oidc.TlsClientAuth(),
    { execute: [oidc.allowInsecureRequests], [oidc.customFetch]: customFetch },
  )
}
