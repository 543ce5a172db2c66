import type { ConfigFault } from './config_error.ts'
import type { ConfigBeforeSecrets } from './schema.ts'

/** What does not fit together around AUTHCORE_MTLS. */

type Rule = (config: ConfigBeforeSecrets) => ConfigFault | false
type Name = keyof ConfigBeforeSecrets['mutualTls']

const neededByListener =
  (name: Name, env: string, remedy: string): Rule =>
  ({ protocols, mutualTls }) =>
    protocols.mutualTls === 'listener' &&
    mutualTls[name] === undefined && {
      key: env,
      problem: 'is missing for AUTHCORE_MTLS=listener',
      remedy,
    }

/** A setting for another mode is a misunderstanding about who is asked for certificates. */
const onlyFor =
  (mode: 'listener' | 'proxy', name: Name, env: string): Rule =>
  ({ protocols, mutualTls }) =>
    protocols.mutualTls !== mode &&
    mutualTls[name] !== undefined && {
      key: env,
      problem: `is set while AUTHCORE_MTLS is ${protocols.mutualTls}`,
      remedy: `Remove it, or set AUTHCORE_MTLS=${mode}.`,
    }

export const MUTUAL_TLS_RULES: readonly Rule[] = [
  neededByListener(
    'origin',
    'AUTHCORE_MTLS_ORIGIN',
    'Set it to the https origin, with its port, at which clients reach the listener.',
  ),
  neededByListener(
    'certFile',
    'AUTHCORE_MTLS_CERT_FILE',
    'Name a PEM file with a certificate for the host in AUTHCORE_MTLS_ORIGIN.',
  ),
  neededByListener('keyFile', 'AUTHCORE_MTLS_KEY_FILE', 'Name the PEM file with its private key.'),
  onlyFor('listener', 'certFile', 'AUTHCORE_MTLS_CERT_FILE'),
  onlyFor('listener', 'keyFile', 'AUTHCORE_MTLS_KEY_FILE'),
  onlyFor('proxy', 'verifiedHeader', 'AUTHCORE_MTLS_VERIFIED_HEADER'),
  ({ protocols, mutualTls }) =>
    protocols.mutualTls === 'off' &&
    (mutualTls.origin !== undefined || mutualTls.caFile !== undefined) && {
      key: 'AUTHCORE_MTLS',
      problem: 'is off while AUTHCORE_MTLS_ORIGIN or AUTHCORE_MTLS_CA_FILE is set',
      remedy: 'Set it to listener or proxy, or remove them.',
    },
  ({ mutualTls }) =>
    mutualTls.origin !== undefined &&
    !mutualTls.origin.startsWith('https:') && {
      key: 'AUTHCORE_MTLS_ORIGIN',
      problem: `is ${mutualTls.origin}: certificates are presented over https`,
      remedy: 'Begin it with https://.',
    },
  ({ server, mutualTls }) =>
    mutualTls.origin === server.issuer && {
      key: 'AUTHCORE_MTLS_ORIGIN',
      problem: 'is the issuer',
      remedy:
        'Give certificates an origin of their own: at the issuer every browser would be asked for one. Where that is wanted, leave it out (AUTHCORE_MTLS=proxy).',
    },
  ({ protocols, server }) =>
    protocols.mutualTls === 'proxy' &&
    server.trustedProxies.length === 0 && {
      key: 'AUTHCORE_TRUSTED_PROXIES',
      problem: 'is empty while AUTHCORE_MTLS is proxy: no certificate would be believed',
      remedy: 'Name the addresses of the proxy that terminates TLS.',
    },
  ({ protocols, server }) =>
    protocols.mutualTls === 'proxy' &&
    server.trustedProxies.some((range) => /\/0+$/.test(range)) && {
      key: 'AUTHCORE_TRUSTED_PROXIES',
      problem: 'trusts every address: anybody could say which client they are',
      remedy: 'Name the addresses of the proxies only.',
    },
  ({ mutualTls }) =>
    mutualTls.verifiedHeader !== undefined &&
    mutualTls.caFile !== undefined && {
      key: 'AUTHCORE_MTLS_VERIFIED_HEADER',
      problem: 'is set beside AUTHCORE_MTLS_CA_FILE: who verifies certificates?',
      remedy: 'Keep one: the header where the proxy verifies, the file where AuthCore does.',
    },
  ({ mutualTls }) =>
    mutualTls.verifiedHeader === mutualTls.header && {
      key: 'AUTHCORE_MTLS_VERIFIED_HEADER',
      problem: 'is the header of the certificate',
      remedy: 'Name the header with the result of the verification.',
    },
  ({ protocols, server, mutualTls }) =>
    protocols.mutualTls === 'listener' &&
    mutualTls.port !== 0 &&
    mutualTls.port === server.port && {
      key: 'AUTHCORE_MTLS_PORT',
      problem: 'is PORT',
      remedy: 'Give the TLS listener a port of its own.',
    },
]
