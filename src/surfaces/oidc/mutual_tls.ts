import type { Context, Middleware } from 'koa'
import type Provider from 'oidc-provider'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { Clock } from '../../core/clock.ts'
import type { Client } from '../../domain/clients/client.ts'
import { canonicalName, canonicalSubject } from '../../platform/certificates/distinguished_name.ts'
import { type AltNameKind, hasAltName } from '../../platform/certificates/subject_alt_names.ts'
import { isCurrent } from '../../platform/certificates/trust.ts'
import type { Config } from '../../platform/config/schema.ts'
import { MACHINE_PATHS } from './paths.ts'

/**
 * Client certificates (RFC 8705): what the engine asks of them, and the endpoints by their other
 * name. How a certificate comes to a request is in `src/web/client_certificate.ts`.
 */

type MutualTls = NonNullable<NonNullable<Configuration['features']>['mTLS']>
type Method = 'tls_client_auth' | 'self_signed_tls_client_auth'
type Settings = Pick<Config, 'protocols' | 'mutualTls'>

export function mutualTlsFeature(config: Settings, clock: Clock): MutualTls {
  const methods = certificateMethods(config)
  return {
    enabled: config.protocols.mutualTls !== 'off',
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: methods.includes('self_signed_tls_client_auth'),
    tlsClientAuth: methods.includes('tls_client_auth'),
    getCertificate: (ctx) => certificateOf(ctx)?.certificate,
    certificateAuthorized(ctx) {
      const presented = certificateOf(ctx)
      // A connection may outlive the certificate that opened it.
      return presented?.verified === true && isCurrent(presented.certificate, clock.now())
    },
    certificateSubjectMatches: (ctx, property, expected) => subjectMatches(ctx, property, expected),
  }
}

/** How clients may authenticate with a certificate here. */
export function certificateMethods({ protocols, mutualTls }: Settings): readonly Method[] {
  if (protocols.mutualTls === 'off') return []
  const someoneVerifies = mutualTls.caFile !== undefined || mutualTls.verifiedHeader !== undefined
  return someoneVerifies
    ? ['tls_client_auth', 'self_signed_tls_client_auth']
    : ['self_signed_tls_client_auth']
}

/**
 * The client, unless it depends on certificates and this deployment does not take them: it is then
 * refused as one that we do not know, and never served with less than it was registered for.
 */
export function unlessCertificatesLack(
  client: Client | undefined,
  config: Settings,
): Client | undefined {
  if (!client) return undefined
  const { token_endpoint_auth_method: method, tls_client_certificate_bound_access_tokens: bound } =
    client.metadata
  const offered: readonly string[] = certificateMethods(config)
  if (method.endsWith('tls_client_auth') && !offered.includes(method)) return undefined
  return bound && offered.length === 0 ? undefined : client
}

function certificateOf(ctx: KoaContextWithOIDC) {
  return (ctx.state as Context['state']).clientCertificate
}

function subjectMatches(ctx: KoaContextWithOIDC, property: string, expected: string): boolean {
  const certificate = certificateOf(ctx)?.certificate
  if (!certificate) return false
  if (property === 'tls_client_auth_subject_dn') {
    const subject = canonicalSubject(certificate.subject ?? '')
    return subject !== undefined && subject === canonicalName(expected)
  }
  const kind = property.replace('tls_client_auth_san_', '') as AltNameKind
  return hasAltName(certificate.subjectAltName, kind, expected)
}

/** RFC 8705 §5: the endpoints that programs call, at the origin that asks for certificates. */
export function nameEndpointAliases(origin: string | undefined): Middleware {
  return async (ctx, next) => {
    await next()
    const document = ctx.body as Record<string, unknown> | undefined
    if (origin === undefined || ctx['oidc']?.route !== 'discovery' || !document?.['issuer']) return
    document['mtls_endpoint_aliases'] = aliasesOf(document, origin)
  }
}

function aliasesOf(document: Record<string, unknown>, origin: string): Record<string, string> {
  const aliases: Record<string, string> = {}
  for (const [name, uri] of Object.entries(document)) {
    const path = name.endsWith('_endpoint') && URL.parse(String(uri))?.pathname
    if (path && MACHINE_PATHS.has(path)) aliases[name] = `${origin}${path}`
  }
  return aliases
}

/** The target of a request that came by an alias is the alias: DPoP proofs say so (RFC 9449 §4.3). */
export function answerToAliases(provider: Provider, origin: string | undefined): void {
  if (origin === undefined) return
  const { prototype } = provider.OIDCContext as unknown as { prototype: OidcContext }
  const { urlFor } = prototype
  prototype.urlFor = function urlForAlias(name, options) {
    const url = urlFor.call(this, name, options)
    if (name !== this.route || !this.ctx.state.atMutualTlsOrigin) return url
    return `${origin}${new URL(url).pathname}`
  }
}

type OidcContext = {
  ctx: Context
  route: string
  urlFor(this: OidcContext, name: string, options?: object): string
}
