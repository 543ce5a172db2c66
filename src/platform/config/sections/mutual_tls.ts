import { z } from 'zod'
import { integer, setting } from '../setting.ts'
import { webOrigin } from '../values.ts'

const path = z.string().min(1)
const headerName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, { error: 'must be the name of a header' })
  .transform((name) => name.toLowerCase())

/** How client certificates come to us, where AUTHCORE_MTLS lets them. */
export const mutualTlsSection = z.strictObject({
  origin: setting(webOrigin.optional(), {
    env: 'AUTHCORE_MTLS_ORIGIN',
    doc: 'The https origin at which clients present certificates; discovery names the endpoints there as `mtls_endpoint_aliases`. Required for `listener`. Without it in `proxy`, the proxy asks for certificates at the issuer itself.',
  }),
  caFile: setting(path.optional(), {
    env: 'AUTHCORE_MTLS_CA_FILE',
    doc: 'PEM file with the authorities, intermediate ones included, that issue certificates for `tls_client_auth`. Without a way to verify, only `self_signed_tls_client_auth` and bound tokens are offered.',
  }),
  port: setting(integer(0, 65535).default(5443), {
    env: 'AUTHCORE_MTLS_PORT',
    doc: 'TCP port of the TLS listener, for `listener`.',
  }),
  certFile: setting(path.optional(), {
    env: 'AUTHCORE_MTLS_CERT_FILE',
    doc: 'PEM file with the certificate of the TLS listener and its chain, for `listener`. Read again when it changes.',
  }),
  keyFile: setting(path.optional(), {
    env: 'AUTHCORE_MTLS_KEY_FILE',
    doc: 'PEM file with the private key of the TLS listener, for `listener`. Read again when it changes.',
  }),
  header: setting(headerName.default('client-cert'), {
    env: 'AUTHCORE_MTLS_HEADER',
    doc: 'The header in which the proxy hands on the certificate, for `proxy`: as `Client-Cert` of RFC 9440, or as percent-encoded PEM. Only AUTHCORE_TRUSTED_PROXIES are believed; they have to set or remove it in every request.',
  }),
  verifiedHeader: setting(headerName.optional(), {
    env: 'AUTHCORE_MTLS_VERIFIED_HEADER',
    doc: 'The header in which the proxy says `SUCCESS` for a certificate whose chain it verified, for `proxy`. Instead of AUTHCORE_MTLS_CA_FILE.',
  }),
})
