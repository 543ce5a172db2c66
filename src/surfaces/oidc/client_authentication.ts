import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Clock } from '../../core/clock.ts'
import { epochSeconds } from '../../core/clock.ts'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import { matchesClientSecret } from '../../domain/clients/client_secret.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { oauthErrorOf } from './adapters/adapter_for_model.ts'
import { markSeen } from './adapters/replay_store.ts'

/** Client authentication where the engine leaves it to us: hashed secrets, strict assertions, replay. */

/** The longest life of a client assertion we accept, so that remembering it stays bounded. */
const MAX_ASSERTION_LIFE_S = 600

/** Compares against every live secret of the client, by hash and in constant time. */
export function useHashedSecrets(
  provider: Provider,
  deps: { clients: ClientCache; keyring: Keyring; clock: Clock },
): void {
  provider.Client.prototype.compareClientSecret = async function compareClientSecret(
    this: { clientId: string },
    secret: string,
  ): Promise<boolean> {
    const client = await deps.clients.find(this.clientId)
    return (
      client !== undefined && matchesClientSecret(deps.keyring, client, secret, deps.clock.now())
    )
  } as never
}

/**
 * An assertion names the issuer, and only it, as its audience (RFC 7523bis §4, FAPI 2.0), and lives
 * for minutes: nobody it was sent to can use it here, nor we elsewhere.
 */
export function createAssertionPolicy(clock: Clock) {
  return async (
    ctx: KoaContextWithOIDC,
    claims: Record<string, unknown>,
    _header: Record<string, unknown>,
  ): Promise<void> => {
    if (claims['aud'] !== ctx.oidc.provider.issuer) {
      throw new errors.InvalidClientAuth('audience (aud) must be the issuer identifier')
    }
    if (Number(claims['exp']) - epochSeconds(clock) > MAX_ASSERTION_LIFE_S) {
      throw new errors.InvalidClientAuth(
        `assertions must expire within ${MAX_ASSERTION_LIFE_S} seconds`,
      )
    }
  }
}

/** The engine looks and then saves; here one insert decides which of many uses is the first. */
export function useDurableReplayDetection(
  provider: Provider,
  deps: { db: Db; keyring: Keyring; clock: Clock },
): void {
  const detection = provider.ReplayDetection as unknown as {
    unique(iss: string, jti: string, exp: number): Promise<boolean>
  }
  detection.unique = async (iss, jti, exp) => {
    const latest = epochSeconds(deps.clock) + 2 * MAX_ASSERTION_LIFE_S
    const expiresAt = new Date(Math.min(exp, latest) * 1000)
    try {
      return await markSeen(
        deps.db,
        deps.keyring.hash('replay', JSON.stringify([iss, jti])),
        expiresAt,
      )
    } catch (error) {
      throw oauthErrorOf(error)
    }
  }
}
