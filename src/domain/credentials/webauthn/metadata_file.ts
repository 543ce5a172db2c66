import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../core/clock.ts'
import { DomainError } from '../../../core/errors.ts'
import { readCertificates } from '../../../platform/certificates/trust.ts'
import {
  type FileLog,
  openRenewedFile,
  type RenewedFile,
} from '../../../platform/files/renewed_file.ts'
import { type Metadata, type MetadataTrust, readMetadata } from './metadata_blob.ts'

/** FIDO's roots certify others too: MDS 3.0 §3.2 wants the name of the service besides. */
const FIDO_HOST = 'mds.fidoalliance.org'

export type MetadataFileLog = FileLog & { warn(fields: object, message: string): void }

/**
 * The file with the metadata of authenticators, read again when it is replaced. One that is older than
 * what is in use counts as one that cannot be used (MDS 3.0 §3.2); one that is out of date is used.
 *
 * @param rootFile PEM; FIDO's roots without it
 * @throws DomainError `invalid_input` where it is not there, or not signed by whom we believe
 */
export async function openMetadataFile(
  { file, rootFile }: { file: string; rootFile?: string | undefined },
  { log, clock }: { log: MetadataFileLog; clock: Clock },
): Promise<RenewedFile<Metadata>> {
  let newest = Number.NEGATIVE_INFINITY
  const make = async (content: Buffer) => {
    const now = clock.now()
    const metadata = await readMetadata(content.toString('utf8'), await trustOf(rootFile), now)
    if (metadata.no < newest) throw new Error(`its number ${metadata.no} is less than ${newest}`)
    newest = metadata.no
    const fault = staleness(metadata, now)
    if (fault) log.warn({ file }, `the metadata of authenticators ${fault}`)
    return metadata
  }
  const name = 'the metadata of authenticators'
  return await openRenewedFile(file, make, { log, name }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DomainError('invalid_input', `${file} cannot be used as metadata: ${reason}`, {
      hint: 'AUTHCORE_PASSKEY_METADATA names a file as https://mds3.fidoalliance.org gives it, or one that AUTHCORE_PASSKEY_METADATA_ROOT vouches for.',
      debug: reason,
      cause: error,
    })
  })
}

/** What to say of metadata that should have been replaced; undefined where it should not. */
export function staleness({ nextUpdate }: Metadata, now: Date): string | undefined {
  return nextUpdate < now
    ? `is out of date: the next one was due on ${nextUpdate.toISOString().slice(0, 10)}`
    : undefined
}

async function trustOf(rootFile: string | undefined): Promise<MetadataTrust> {
  if (rootFile !== undefined) return { anchors: readCertificates(await readFile(rootFile, 'utf8')) }
  const { SettingsService } = await import('@simplewebauthn/server')
  const roots = SettingsService.getRootCertificates({ identifier: 'mds' })
  return { anchors: roots.map((pem) => new X509Certificate(pem)), host: FIDO_HOST }
}
