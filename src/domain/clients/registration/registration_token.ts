import type { Clock } from '../../../core/clock.ts'
import { DomainError } from '../../../core/errors.ts'
import { newId } from '../../../core/ids.ts'
import { randomToken } from '../../../core/secrets.ts'
import {
  registrationTokenCreated,
  registrationTokenRevoked,
} from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import type { ClientPreset } from '../client_presets.ts'
import { deleteRegistrationToken, insertRegistrationToken } from './registration_token_store.ts'

/**
 * Initial access tokens (RFC 7591 §3): whoever holds one may register so many clients of these
 * presets, until a time. Stored as a keyed hash; the token itself is shown once.
 */
export type RegistrationToken = {
  readonly id: string
  /** Null for those that the deployment lets anybody have. */
  readonly presets: readonly ClientPreset[] | null
  readonly usesLeft: number
  readonly createdAt: Date
  readonly expiresAt: Date
}

const USES_MAX = 100_000
const LIFE_MAX_S = 365 * 86_400

export function hashRegistrationToken(keyring: Pick<Keyring, 'hash'>, token: string): Buffer {
  return keyring.hash('registration_token', token)
}

/** @throws DomainError `invalid_input` */
export async function createRegistrationToken(
  { db, keyring, clock }: { db: Db; keyring: Keyring; clock: Clock },
  input: {
    uses: number
    lifeS: number
    presets?: readonly ClientPreset[] | undefined
    by?: string
  },
): Promise<{ registrationToken: RegistrationToken; token: string }> {
  const { uses, lifeS, presets, by } = input
  assertWithin('uses', uses, USES_MAX)
  assertWithin('life in seconds', lifeS, LIFE_MAX_S)
  const createdAt = clock.now()
  const token = `ait_${randomToken()}`
  const registrationToken: RegistrationToken = {
    id: newId(createdAt.getTime()),
    presets: presets && presets.length > 0 ? presets : null,
    usesLeft: uses,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + lifeS * 1000),
  }
  await inTransaction(db, async (tx) => {
    await insertRegistrationToken(tx, {
      ...registrationToken,
      hash: hashRegistrationToken(keyring, token),
    })
    const { id: tokenId } = registrationToken
    await appendEvent(tx, registrationTokenCreated({ tokenId, uses, ...(by ? { by } : {}) }))
  })
  return { registrationToken, token }
}

function assertWithin(what: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new DomainError('invalid_input', `The ${what} of a token must be 1 to ${max}.`)
}

/** Clients that registered with it stay. @throws DomainError `not_found` */
export async function revokeRegistrationToken(
  { db }: { db: Db },
  tokenId: string,
  { by }: { by?: string } = {},
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!(await deleteRegistrationToken(tx, tokenId))) {
      throw new DomainError('not_found', 'There is no such registration token.')
    }
    await appendEvent(tx, registrationTokenRevoked({ tokenId, ...(by ? { by } : {}) }))
  })
}
