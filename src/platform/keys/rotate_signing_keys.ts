import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { keyCreated, keyRetired, keyRotated } from '../events/catalogue.ts'
import { appendEvent } from '../events/outbox.ts'
import { notifyChange } from '../persistence/change_feed.ts'
import { type Db, inTransaction, query, type Transaction } from '../persistence/db.ts'
import type { Keyring } from './keyring.ts'
import {
  generateSigningJwks,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
  type SigningKeyInfo,
  type SigningKeyState,
} from './signing_key.ts'
import {
  insertSigningKey,
  listSigningKeyInfos,
  updateSigningKeyState,
} from './signing_key_store.ts'

/**
 * Moves signing keys through their life, on a schedule or by command. Whoever comes first does the
 * work under an advisory lock; every node hears of it by the change feed and swaps its keys without
 * a restart.
 */

export type RotationPolicy = { lifetimeS: number; publishAheadS: number; retainS: number }
export type RotationDeps = {
  db: Db
  keyring: Keyring
  clock: Clock
  /** Who asked for it; the schedule where nobody did. */
  by?: string
}

export type RotationStep =
  | { do: 'create'; algorithm: SigningAlgorithm; state: 'next' | 'current' }
  | { do: 'move'; kid: string; algorithm: SigningAlgorithm; to: SigningKeyState }

/** What is due for one algorithm at `now`. Pure. */
export function planRotation(
  algorithm: SigningAlgorithm,
  keys: readonly SigningKeyInfo[],
  policy: RotationPolicy,
  now: Date,
): RotationStep[] {
  const own = keys.filter((key) => key.algorithm === algorithm)
  const current = own.find((key) => key.state === 'current')
  const next = own.find((key) => key.state === 'next')
  const ageS = (key: SigningKeyInfo) => (now.getTime() - key.stateSince.getTime()) / 1000
  const steps: RotationStep[] = own
    .filter((key) => key.state === 'previous' && ageS(key) >= policy.retainS)
    .map((key) => ({ do: 'move', kid: key.kid, algorithm, to: 'retired' }))
  if (!current) {
    return [...steps, next ? move(next, 'current') : { do: 'create', algorithm, state: 'current' }]
  }
  if (!next && ageS(current) >= policy.lifetimeS - policy.publishAheadS) {
    return [...steps, { do: 'create', algorithm, state: 'next' }]
  }
  if (next && ageS(next) >= policy.publishAheadS && ageS(current) >= policy.lifetimeS) {
    return [...steps, move(current, 'previous'), move(next, 'current')]
  }
  return steps
}

/** Does what is due for every algorithm; the first call makes the first keys. Returns the steps done. */
export async function rotateDueSigningKeys(
  deps: RotationDeps,
  policy: RotationPolicy,
): Promise<RotationStep[]> {
  return await withLock(deps, (keys, now) =>
    SIGNING_ALGORITHMS.flatMap((algorithm) => planRotation(algorithm, keys, policy, now)),
  )
}

/**
 * Replaces the signing key of an algorithm at once: the waiting key, or else a new one, begins to
 * sign; the old one stays published. Clients that meet an unknown `kid` fetch /jwks again
 * (OpenID Connect Core §10.1.1).
 */
export async function rotateSigningKeyNow(
  deps: RotationDeps,
  algorithm: SigningAlgorithm,
): Promise<RotationStep[]> {
  return await withLock(deps, (keys) => {
    const own = keys.filter((key) => key.algorithm === algorithm)
    const current = own.find((key) => key.state === 'current')
    const next = own.find((key) => key.state === 'next')
    return [
      ...(current ? [move(current, 'previous')] : []),
      next ? move(next, 'current') : { do: 'create', algorithm, state: 'current' },
    ]
  })
}

/**
 * Takes a key out of /jwks at once: what it signed no longer verifies.
 *
 * @throws DomainError `not_found` for an unknown kid, `conflict` for the key that signs
 */
export async function retireSigningKey(deps: RotationDeps, kid: string): Promise<void> {
  await withLock(deps, (keys) => {
    const key = keys.find((candidate) => candidate.kid === kid)
    if (!key) throw new DomainError('not_found', 'There is no key with this id.')
    if (key.state === 'current') {
      throw new DomainError('conflict', 'This key signs at present.', {
        hint: `Rotate first: authcore keys rotate --algorithm ${key.algorithm}`,
      })
    }
    return key.state === 'retired' ? [] : [move(key, 'retired')]
  })
}

function move(key: SigningKeyInfo, to: SigningKeyState): RotationStep {
  return { do: 'move', kid: key.kid, algorithm: key.algorithm, to }
}

async function withLock(
  deps: RotationDeps,
  plan: (keys: SigningKeyInfo[], now: Date) => RotationStep[],
): Promise<RotationStep[]> {
  return await inTransaction(deps.db, async (tx) => {
    await query(tx, `SELECT pg_advisory_xact_lock(hashtext('authcore:signing_key'))`)
    const now = deps.clock.now()
    const steps = plan(await listSigningKeyInfos(tx), now)
    for (const step of steps) await perform(tx, deps, step, now)
    if (steps.length > 0) await notifyChange(tx, 'signing_key')
    return steps
  })
}

async function perform(
  tx: Transaction,
  deps: RotationDeps,
  step: RotationStep,
  now: Date,
): Promise<void> {
  const by = deps.by === undefined ? {} : { by: deps.by }
  if (step.do === 'create') {
    const jwks = await generateSigningJwks(step.algorithm)
    const key = {
      ...jwks,
      algorithm: step.algorithm,
      state: step.state,
      createdAt: now,
      stateSince: now,
    }
    await insertSigningKey(tx, deps.keyring, key)
    await appendEvent(
      tx,
      keyCreated({ kid: key.kid, algorithm: step.algorithm, state: step.state, ...by }),
    )
    return
  }
  await updateSigningKeyState(tx, step.kid, step.to, now)
  const event = step.to === 'retired' ? keyRetired : keyRotated
  await appendEvent(tx, event({ kid: step.kid, algorithm: step.algorithm, state: step.to, ...by }))
}
