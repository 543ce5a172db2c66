import { z } from 'zod'
import { list, setting } from '../setting.ts'

const aaguid = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, {
    error: 'must be an AAGUID such as ee882879-721c-4913-9775-3dfcce97072a',
  })

/** Which authenticators may make passkeys. */
export const passkeysSection = z.strictObject({
  attestation: setting(z.enum(['none', 'direct']).default('none'), {
    env: 'AUTHCORE_PASSKEY_ATTESTATION',
    doc: 'Whether a new passkey or security key has to show who made the device that holds it: `none` takes any, `direct` only those that AUTHCORE_PASSKEY_METADATA knows and vouches for. See docs/SIGN-IN.md.',
  }),
  metadata: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_PASSKEY_METADATA',
    doc: 'A file with the metadata of authenticators as the FIDO Metadata Service (MDS3) publishes it: a signed JWT. Read again when it is replaced. Needed by `direct`.',
  }),
  metadataRoot: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_PASSKEY_METADATA_ROOT',
    doc: 'A PEM file with the roots that the signature of the metadata leads to, for metadata that is not FIDO’s.',
    defaultDoc: 'those of the FIDO Metadata Service',
  }),
  authenticators: setting(list(aaguid).default([]), {
    env: 'AUTHCORE_PASSKEY_AUTHENTICATORS',
    doc: 'The AAGUIDs of the models that are taken, of those in the metadata; empty for all of them.',
  }),
})
