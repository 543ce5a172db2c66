import type { ConfigFault } from './config_error.ts'
import type { ConfigBeforeSecrets } from './schema.ts'

/** What does not fit together around AUTHCORE_PASSKEY_ATTESTATION. */

type Rule = (config: ConfigBeforeSecrets) => ConfigFault | false

/** A list or a file that nobody asks would be taken for a policy that holds. */
const needsDirect =
  (name: 'metadata' | 'metadataRoot' | 'authenticators', env: string): Rule =>
  ({ passkeys }) =>
    passkeys.attestation === 'none' &&
    (passkeys[name]?.length ?? 0) > 0 && {
      key: env,
      problem: 'is set while AUTHCORE_PASSKEY_ATTESTATION is none: nothing would look at it',
      remedy: 'Set AUTHCORE_PASSKEY_ATTESTATION=direct, or remove it.',
    }

export const PASSKEY_RULES: readonly Rule[] = [
  needsDirect('metadata', 'AUTHCORE_PASSKEY_METADATA'),
  needsDirect('metadataRoot', 'AUTHCORE_PASSKEY_METADATA_ROOT'),
  needsDirect('authenticators', 'AUTHCORE_PASSKEY_AUTHENTICATORS'),
  ({ passkeys }) =>
    passkeys.attestation === 'direct' &&
    passkeys.metadata === undefined && {
      key: 'AUTHCORE_PASSKEY_METADATA',
      problem:
        'is missing for AUTHCORE_PASSKEY_ATTESTATION=direct: without it nobody knows which makers to believe, and an AAGUID is a name that anybody can claim',
      remedy: 'Name a file with the metadata of the FIDO Metadata Service, or of your own.',
    },
]
