import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createSecureContext } from 'node:tls'
import { DomainError } from '../core/errors.ts'
import { readCertificates } from '../platform/certificates/trust.ts'
import type { Config } from '../platform/config/schema.ts'
import type { Logger } from '../platform/observability/logger.ts'
import { MUTUAL_TLS_PATHS } from '../surfaces/oidc/paths.ts'
import type { ClientCertificateOptions } from '../web/client_certificate.ts'
import { type HttpServer, startHttpServer } from '../web/server.ts'
import { secureContextOptions, type TlsMaterial } from '../web/tls_listener.ts'

/** Client certificates as AUTHCORE_MTLS has them: the files, the TLS listener, the proxy's headers. */

/** Certificates are renewed while we run; a look costs three small reads. */
const LOOK_AGAIN_MS = 60_000

export function clientCertificates(config: Config): ClientCertificateOptions | undefined {
  const { protocols, mutualTls, server } = config
  if (protocols.mutualTls === 'off') return undefined
  const { origin, header, verifiedHeader, caFile } = mutualTls
  const { trustedProxies } = server
  const authorities = caFile === undefined ? [] : readAuthorities(caFile)
  return {
    origin,
    paths: MUTUAL_TLS_PATHS,
    ...(protocols.mutualTls === 'proxy'
      ? { proxy: { trustedProxies, header, verifiedHeader, authorities } }
      : {}),
  }
}

/** @returns undefined where the deployment has no TLS listener */
export async function serveMutualTls(
  handle: RequestListener,
  { config, log }: { config: Config; log: Logger },
): Promise<HttpServer | undefined> {
  if (config.protocols.mutualTls !== 'listener') return undefined
  const { host } = config.server
  const { port } = config.mutualTls
  let material = readMaterial(config)
  const server = await startHttpServer(handle, {
    host,
    port,
    log,
    tls: material,
    keepAliveTimeoutMs: config.server.keepAliveS * 1000,
  })
  const timer = setInterval(() => {
    try {
      const found = readMaterial(config)
      if (JSON.stringify(found) === JSON.stringify(material)) return
      server.renewTls(found)
      material = found
      log.info('the files of the TLS listener changed and are in use')
    } catch (error) {
      log.error({ err: error }, 'the files of the TLS listener changed and cannot be used')
    }
  }, LOOK_AGAIN_MS)
  timer.unref()
  return {
    ...server,
    async drain(timeoutMs) {
      clearInterval(timer)
      await server.drain(timeoutMs)
    },
    async stop() {
      clearInterval(timer)
      await server.stop()
    },
  }
}

/** @throws DomainError naming the setting whose file cannot be used */
function readMaterial({ mutualTls }: Config): TlsMaterial {
  const { certFile, keyFile, caFile } = mutualTls
  const material = {
    cert: read('AUTHCORE_MTLS_CERT_FILE', certFile!),
    key: read('AUTHCORE_MTLS_KEY_FILE', keyFile!),
    ca: caFile === undefined ? undefined : read('AUTHCORE_MTLS_CA_FILE', caFile),
  }
  if (caFile !== undefined) readAuthorities(caFile)
  try {
    createSecureContext(secureContextOptions(material))
  } catch (cause) {
    throw unusable('AUTHCORE_MTLS_CERT_FILE and AUTHCORE_MTLS_KEY_FILE', cause)
  }
  return material
}

function readAuthorities(caFile: string) {
  try {
    return readCertificates(read('AUTHCORE_MTLS_CA_FILE', caFile))
  } catch (cause) {
    throw cause instanceof DomainError ? cause : unusable('AUTHCORE_MTLS_CA_FILE', cause)
  }
}

function read(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw unusable(setting, cause)
  }
}

function unusable(setting: string, cause: unknown): DomainError {
  return new DomainError('invalid_input', `${setting} cannot be used.`, {
    hint: `Name readable PEM files that belong together: ${(cause as Error).message}`,
    cause,
  })
}
