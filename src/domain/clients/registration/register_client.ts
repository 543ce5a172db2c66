import { DomainError } from '../../../core/errors.ts'
import { randomToken } from '../../../core/secrets.ts'
import { clientRegistered, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { inTransaction } from '../../../platform/persistence/db.ts'
import type { ClientPreset } from '../client_presets.ts'
import { type ClientDeps, type ClientWithSecret, createClient } from '../create_client.ts'
import { assertSectorIdentifier } from '../sector_identifier.ts'
import { insertClientRegistration } from './client_registration_store.ts'
import { type Chosen, RegistrationRefused } from './registered_metadata.ts'
import type { RegistrationToken } from './registration_token.ts'
import { consumeRegistrationToken } from './registration_token_store.ts'

/** Who did it, in the events of clients that come and change by themselves. */
export const BY_REGISTRATION = 'registration'

export type Registered = ClientWithSecret & { accessToken: string }

export function hashRegistrationAccess(keyring: Pick<Keyring, 'hash'>, token: string): Buffer {
  return keyring.hash('registration_access_token', token)
}

/**
 * Stores a client that described itself. A use of the initial access token is taken with it, or
 * neither happens.
 *
 * @param presets what it may become later (RFC 7592)
 * @throws DomainError `unauthenticated` where the token has no use left
 * @throws RegistrationRefused where a rule of every client speaks against it
 */
export async function registerClient(
  deps: ClientDeps,
  input: {
    chosen: Chosen
    presets: readonly ClientPreset[]
    token: RegistrationToken | undefined
    origin: Origin
  },
): Promise<Registered> {
  const { chosen, presets, token, origin } = input
  const accessToken = `rat_${randomToken()}`
  await assertSectorIdentifier(deps.outbound, chosen.metadata).catch(asRefusal)
  return await inTransaction(deps.db, async (tx) => {
    if (token && !(await consumeRegistrationToken(tx, token.id, deps.clock.now()))) {
      throw new DomainError('unauthenticated', 'The initial access token was used up.')
    }
    const created = await createClient(
      deps,
      { ...chosen, origin: 'registration', by: BY_REGISTRATION },
      tx,
    ).catch(asRefusal)
    const { clientId, createdAt } = created.client
    const accessTokenHash = hashRegistrationAccess(deps.keyring, accessToken)
    await insertClientRegistration(tx, { clientId, accessTokenHash, presets, createdAt })
    const { preset } = chosen
    await appendEvent(tx, clientRegistered({ clientId, preset, tokenId: token?.id, ...origin }))
    return { ...created, accessToken }
  })
}

/** What the rules for every client say, in the words of RFC 7591. */
export function asRefusal(error: unknown): never {
  if (error instanceof DomainError && ['invalid_input', 'too_large'].includes(error.code)) {
    throw new RegistrationRefused('invalid_client_metadata', error.message)
  }
  throw error
}
