import { systemClock } from '../../../core/clock.ts'
import { DomainError } from '../../../core/errors.ts'
import { staleness } from '../../../domain/credentials/webauthn/metadata_file.ts'
import type { ConfigBeforeSecrets } from '../../../platform/config/schema.ts'
import { openPasskeyAttestation } from '../../passkey_attestation.ts'
import { bad, type Finding, ok, warn } from './finding.ts'

/** The metadata of authenticators, where a passkey has to show who made what holds it. */

const CHECK = 'passkey metadata'
const QUIET = { info() {}, warn() {}, error() {} }
const REMEDY = 'Replace the file with the one that https://mds3.fidoalliance.org gives.'

export async function checkPasskeyMetadata(config: ConfigBeforeSecrets): Promise<Finding[]> {
  try {
    const opened = await openPasskeyAttestation(config, { log: QUIET, clock: systemClock })
    if (!opened) return []
    opened.metadata.close()
    const metadata = opened.metadata.current()
    const fault = staleness(metadata, systemClock.now())
    const models = `number ${metadata.no}, ${metadata.authenticators.size} models`
    return [fault ? warn(CHECK, `${models}; ${fault}`, REMEDY) : ok(CHECK, models)]
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return [bad(CHECK, error.message, error.hint ?? REMEDY)]
  }
}
