import type { Clock } from '../core/clock.ts'
import {
  type AttestationPolicy,
  createAttestationPolicy,
} from '../domain/credentials/webauthn/attestation_policy.ts'
import type { Metadata } from '../domain/credentials/webauthn/metadata_blob.ts'
import {
  type MetadataFileLog,
  openMetadataFile,
} from '../domain/credentials/webauthn/metadata_file.ts'
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'
import type { RenewedFile } from '../platform/files/renewed_file.ts'

/**
 * Which authenticators may be enrolled, as the configuration wants it; undefined where any may.
 *
 * @throws DomainError `invalid_input` where the metadata cannot be used
 */
export async function openPasskeyAttestation(
  { passkeys }: Pick<ConfigBeforeSecrets, 'passkeys'>,
  { log, clock }: { log: MetadataFileLog; clock: Clock },
): Promise<{ policy: AttestationPolicy; metadata: RenewedFile<Metadata> } | undefined> {
  const { attestation, metadata: file, metadataRoot: rootFile, authenticators } = passkeys
  if (attestation === 'none' || file === undefined) return undefined
  const metadata = await openMetadataFile({ file, rootFile }, { log, clock })
  const policy = createAttestationPolicy({
    metadata: metadata.current,
    listed: authenticators,
    clock,
  })
  return { policy, metadata }
}
