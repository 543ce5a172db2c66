import { z } from 'zod'
import { durationS, integer, list, setting } from '../setting.ts'
import { hostPort, key256, namedKey } from '../values.ts'

/** Keys that every node of a deployment shares, and the cost of a password guess. */
export const securitySection = z.strictObject({
  encryptionKeys: setting(list(namedKey).optional(), {
    env: 'AUTHCORE_ENCRYPTION_KEYS',
    doc: 'Key-encryption keys for everything secret at rest (signing keys, sealed fields), as `id:base64`, newest first. The first one encrypts, all of them decrypt.',
    secret: true,
    defaultDoc: 'made at the first start below the data directory; required in production',
  }),
  hashKey: setting(key256.optional(), {
    env: 'AUTHCORE_HASH_KEY',
    doc: 'Key of the keyed hashes under which tokens, codes, sessions and client secrets are stored. It cannot be changed without ending every session and token, and giving people other pairwise subjects.',
    secret: true,
    defaultDoc: 'made at the first start below the data directory; required in production',
  }),
  cookieKeys: setting(list(key256).optional(), {
    env: 'AUTHCORE_COOKIE_KEYS',
    doc: 'Keys that sign cookies, newest first: the first one signs, all of them verify.',
    secret: true,
    defaultDoc: 'made at the first start below the data directory; required in production',
  }),
  argon2MemoryKib: setting(integer(19456, 1048576).default(19456), {
    env: 'AUTHCORE_ARGON2_MEMORY_KIB',
    doc: 'Argon2id memory cost in KiB.',
  }),
  argon2Passes: setting(integer(2, 20).default(2), {
    env: 'AUTHCORE_ARGON2_PASSES',
    doc: 'Argon2id passes over the memory.',
  }),
  argon2Parallelism: setting(integer(1, 16).default(1), {
    env: 'AUTHCORE_ARGON2_PARALLELISM',
    doc: 'Argon2id lanes.',
  }),
  stuffingAlert: setting(integer(0, 1_000_000).default(300), {
    env: 'AUTHCORE_STUFFING_ALERT',
    doc: 'How many refused sign-ins within five minutes are told of as an attack (`auth.login.stuffing_detected` and a warning in the log); 0 tells of none.',
  }),
  outboundAllow: setting(list(hostPort).default([]), {
    env: 'AUTHCORE_OUTBOUND_ALLOW',
    doc: 'Exact `host:port` targets that outgoing calls (client keys, back-channel logout) may reach although they are private, loopback or plain http.',
  }),
  outboundCaFile: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_OUTBOUND_CA_FILE',
    doc: 'PEM file with certificate authorities trusted for outgoing calls besides the built-in ones.',
  }),
  signingKeyLifetimeS: setting(durationS(3600, 400 * 86400).default(90 * 86400), {
    env: 'AUTHCORE_SIGNING_KEY_LIFETIME',
    doc: 'How long a signing key signs before its successor takes over.',
  }),
  signingKeyPublishAheadS: setting(durationS(60, 30 * 86400).default(86400), {
    env: 'AUTHCORE_SIGNING_KEY_PUBLISH_AHEAD',
    doc: 'How long a new signing key is published before it signs, so that every cache of /jwks has seen it.',
  }),
  signingKeyRetainS: setting(durationS(3600, 400 * 86400).default(30 * 86400), {
    env: 'AUTHCORE_SIGNING_KEY_RETAIN',
    doc: 'How long a key that no longer signs stays published, so that tokens signed with it verify.',
  }),
})
