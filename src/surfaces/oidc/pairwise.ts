import type { Client } from 'oidc-provider'
import type { Keyring } from '../../platform/keys/keyring.ts'

/**
 * The `sub` by which a client with `subject_type=pairwise` knows a person (OpenID Connect Core §8.1):
 * the same for all clients of a sector, unlike in any other, and nothing that leads back to the
 * account without the hash key. Inside the house a person is always the account.
 */
export function createPairwiseIdentifier(keyring: Keyring) {
  return async (_ctx: unknown, accountId: string, client: Client): Promise<string> =>
    pairwiseIdentifier(keyring, client, accountId)
}

/** By which `sub` this client knows the account. */
export function subjectFor(keyring: Keyring, client: Client, accountId: string): string {
  return client.subjectType === 'pairwise'
    ? pairwiseIdentifier(keyring, client, accountId)
    : accountId
}

function pairwiseIdentifier(keyring: Keyring, client: Client, accountId: string): string {
  const { sectorIdentifier } = client as unknown as { sectorIdentifier: string }
  const name = JSON.stringify([sectorIdentifier, accountId])
  return keyring.hash('pairwise_subject', name).toString('base64url')
}
