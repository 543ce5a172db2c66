import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import { randomToken } from '../../core/secrets.ts'
import {
  invitationAccepted,
  invitationIssued,
  invitationRefused,
  invitationRevoked,
  type Origin,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { findAccountByIdentifier } from './account_store.ts'
import { canonicalEmail, presentable } from './identifier.ts'
import {
  consumeInvitation,
  findInvitation,
  insertInvitation,
  revokeWaitingInvitation,
  setInvitationUsedBy,
} from './invitation_store.ts'

/**
 * An operator's word that somebody may make an account, also where nobody else may. It stands in for
 * the policy and for nothing else: its link may have been passed on, so the address is proven by a
 * code as ever. Stored as a keyed hash; the link is shown once.
 */
export type Invitation = {
  readonly id: string
  /** The only address that may be used with it, as it was written; undefined for any. */
  readonly email: string | undefined
  readonly emailCanonical: string | undefined
  /** The application that it leads to. */
  readonly clientId: string | undefined
  readonly createdBy: string
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly usedAt: Date | undefined
  readonly usedBy: string | undefined
  readonly revokedAt: Date | undefined
}

type Deps = { db: Db; keyring: Pick<Keyring, 'hash'>; clock: Clock }

const LIFE_MAX_S = 90 * 86_400

/**
 * @param alsoIn what is written with it, such as its mail
 * @returns the token, which nobody can look up again
 * @throws DomainError `invalid_input`, `conflict` where the address has an account
 */
export async function issueInvitation(
  { db, keyring, clock }: Deps,
  input: {
    email?: string | undefined
    clientId?: string | undefined
    lifeS: number
    by: string
  },
  alsoIn?: (tx: Transaction, issued: { invitation: Invitation; token: string }) => Promise<void>,
): Promise<{ invitation: Invitation; token: string }> {
  const { lifeS, by: createdBy, clientId } = input
  if (!Number.isInteger(lifeS) || lifeS < 1 || lifeS > LIFE_MAX_S) {
    throw new DomainError('invalid_input', 'An invitation lasts up to 90 days.')
  }
  const address = await addressOf(db, input.email)
  const createdAt = clock.now()
  const token = randomToken()
  const invitation: Invitation = {
    id: newId(createdAt.getTime()),
    ...address,
    clientId,
    createdBy,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + lifeS * 1000),
    usedAt: undefined,
    usedBy: undefined,
    revokedAt: undefined,
  }
  await inTransaction(db, async (tx) => {
    await insertInvitation(tx, { ...invitation, tokenHash: hashOf(keyring, token) })
    await appendEvent(tx, invitationIssued({ invitationId: invitation.id, by: createdBy }))
    await alsoIn?.(tx, { invitation, token })
  })
  return { invitation, token }
}

async function addressOf(db: Db, text: string | undefined) {
  if (text === undefined) return { email: undefined, emailCanonical: undefined }
  const [email, canonical] = [presentable(text), canonicalEmail(text)]
  if (!email || !canonical) {
    throw new DomainError('invalid_input', 'This is not an e-mail address we can use.')
  }
  if (await findAccountByIdentifier(db, { kind: 'email', canonical })) {
    throw new DomainError('conflict', 'This e-mail address has an account already.')
  }
  return { email, emailCanonical: canonical }
}

/** The one that still stands; nothing is used up. */
export async function openInvitation(
  { db, keyring, clock }: Deps,
  token: string,
): Promise<Invitation | undefined> {
  const found = await findInvitation(db, hashOf(keyring, token))
  return found && whyOver(found, clock.now()) === undefined ? found : undefined
}

/** The same, for somebody who wants to use it: a refusal says to the trail why. */
export async function acceptableInvitation(
  deps: Deps,
  token: string,
  origin: Origin,
): Promise<Invitation | undefined> {
  const found = await findInvitation(deps.db, hashOf(deps.keyring, token))
  const reason = found ? whyOver(found, deps.clock.now()) : 'unknown'
  if (reason === undefined) return found
  await appendEvent(
    deps.db,
    invitationRefused({ ...(found ? { invitationId: found.id } : {}), reason, ...origin }),
  )
  return undefined
}

/** Why an invitation leads nowhere any more; undefined where it still stands. */
export function whyOver(
  { usedAt, revokedAt, expiresAt }: Invitation,
  now: Date,
): 'used' | 'revoked' | 'expired' | undefined {
  if (usedAt) return 'used'
  if (revokedAt) return 'revoked'
  return expiresAt <= now ? 'expired' : undefined
}

/** In the transaction that makes the account, and before it: many at once wait for each other here. */
export async function useInvitation({ clock }: Pick<Deps, 'clock'>, tx: Transaction, id: string) {
  return await consumeInvitation(tx, id, clock.now())
}

export async function noteInvitationUse(
  tx: Transaction,
  { invitationId, accountId, origin }: { invitationId: string; accountId: string; origin: Origin },
): Promise<void> {
  await setInvitationUsedBy(tx, invitationId, accountId)
  await appendEvent(tx, invitationAccepted({ accountId, invitationId, ...origin }))
}

/** @throws DomainError `not_found` */
export async function revokeInvitation(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { id, by }: { id: string; by: string },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!(await revokeWaitingInvitation(tx, id, clock.now()))) {
      throw new DomainError('not_found', 'There is no such invitation that waits to be used.')
    }
    await appendEvent(tx, invitationRevoked({ invitationId: id, by }))
  })
}

function hashOf(keyring: Pick<Keyring, 'hash'>, token: string): Buffer {
  return keyring.hash('invitation', token)
}
