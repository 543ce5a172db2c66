import { newId } from '../../core/ids.ts'
import { identityLinked, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { findAccountByIdentifier, lockActiveAccount } from '../accounts/account_store.ts'
import { changeProfile } from '../accounts/change_profile.ts'
import { conflictingIdentifier, createAccount } from '../accounts/create_account.ts'
import { canonicalEmail } from '../accounts/identifier.ts'
import { acceptableOf } from '../accounts/profile/acceptable.ts'
import type { Profile } from '../accounts/profile/profile.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { UpstreamPerson, UpstreamTokens } from '../federation/connector.ts'
import {
  findIdentity,
  type Identity,
  insertIdentity,
  noteIdentityUse,
} from '../federation/identity_store.ts'
import { keepPendingIdentity } from '../federation/pending_identity.ts'
import { applyRules, type Ruled } from '../federation/rules.ts'
import { keepTokens } from '../federation/token_vault.ts'
import { noteUpstreamSession, type UpstreamHint } from '../federation/upstream_session_store.ts'
import type { Method } from './assurance.ts'
import { byOf, isProven, madeUpName, shownAs, usableUsername } from './person_here.ts'
import { type ProofDeps, recordProof } from './record_proof.ts'

/**
 * Somebody whom a source vouches for, on the way to an account of ours. Nobody gets one that is somebody
 * else's: an account is joined to a subject of a source by its owner, who signs in to it once, or by an
 * address that both sides have proven where the connection says that this will do.
 */
export type AdmitDeps = ProofDeps & {
  db: Db
  connections: Connections
  profile: Profile
  phoneCountry?: string | undefined
}

export type Arrival = {
  connection: Connection
  person: UpstreamPerson
  /** What they have shown by coming from there. */
  method: Method
  /** The session there that they come by; absent where a password was asked for here. */
  session?: UpstreamHint | undefined
  /** What the source gave for them, where the connection keeps it. */
  tokens?: UpstreamTokens | undefined
  /** When they signed in there; now where the source does not say. */
  authenticatedAt?: Date | undefined
  interactionUid: string
  clientId: string
  remember: boolean
  deviceKnownFor: readonly string[]
  origin: Origin
}

export type Admission =
  | { kind: 'signed_in'; accountId: string }
  /** Somebody of their address is here, or may be: they show within this interaction who they are. */
  | { kind: 'pending' }
  | { kind: 'refused'; reason: 'not_permitted' | 'account_disabled' }

export async function admitPerson(deps: AdmitDeps, arrival: Arrival): Promise<Admission> {
  const { connection, person } = arrival
  const ruled = applyRules(connection.definition.rules, person)
  if (!ruled.allowed) return { kind: 'refused', reason: 'not_permitted' }
  const connectionId = connection.id
  const known = await findIdentity(deps.db, { connectionId, subject: person.subject })
  if (known) return await signInKnown(deps, arrival, { identity: known, ruled })
  const plan = await planFor(deps, connection, person)
  if (plan.kind === 'pending') {
    return await wait(deps, arrival)
  }
  try {
    return await inTransaction(deps.db, async (tx) => {
      const identity =
        plan.kind === 'create'
          ? await createLinked(deps, tx, { ...arrival, ruled, email: plan.email })
          : await linkIdentity(deps, tx, { ...arrival, account: plan.account, by: plan.by })
      return await prove(deps, tx, arrival, identity)
    })
  } catch (error) {
    return await afterConflict(deps, arrival, ruled, error)
  }
}

/** Two first sign-ins at the same moment: the other one has made the account, or somebody has the address now. */
async function afterConflict(
  deps: AdmitDeps,
  arrival: Arrival,
  ruled: Ruled,
  error: unknown,
): Promise<Admission> {
  const { connection, person } = arrival
  const asked = { connectionId: connection.id, subject: person.subject }
  const identity = await findIdentity(deps.db, asked)
  if (identity) return await signInKnown(deps, arrival, { identity, ruled })
  if (conflictingIdentifier(error) === undefined) throw error
  return await wait(deps, arrival)
}

/** Until they have shown whose account it is: how they came is worth the same then. */
async function wait(deps: AdmitDeps, arrival: Arrival): Promise<Admission> {
  const { connection, person, interactionUid } = arrival
  const { method, session, tokens, authenticatedAt, remember } = arrival
  const came = { method, session, tokens, authenticatedAt, remember }
  await keepPendingIdentity(deps, interactionUid, { connectionId: connection.id, person, came })
  return { kind: 'pending' }
}

async function signInKnown(
  deps: AdmitDeps,
  arrival: Arrival,
  { identity, ruled }: { identity: Identity; ruled: Ruled },
): Promise<Admission> {
  const { connection, person, origin } = arrival
  return await inTransaction(deps.db, async (tx) => {
    if (!(await lockActiveAccount(tx, identity.accountId))) {
      return { kind: 'refused', reason: 'account_disabled' }
    }
    const now = deps.clock.now()
    // Barred until the directory is gone through again; without that, what was found then tells nothing.
    const evenBarred = !connection.definition.sync
    const use = { id: identity.id, shownAs: shownAs(person), now, evenBarred }
    if (!(await noteIdentityUse(tx, use))) return { kind: 'refused', reason: 'not_permitted' }
    if (identity.ownsAccount && connection.definition.refresh) {
      const by = byOf(connection)
      const change = acceptableOf(deps.profile, ruled)
      await changeProfile(deps, identity.accountId, change, { ...origin, by }, tx)
    }
    return await prove(deps, tx, arrival, identity)
  })
}

/** They are this identity now: what they came by counts, and ends with the session there. */
export async function prove(
  deps: AdmitDeps,
  tx: Transaction,
  arrival: Arrival,
  { id: identityId, accountId }: Identity,
): Promise<Admission> {
  const now = deps.clock.now()
  const { method, remember, authenticatedAt = now } = arrival
  await noteSessionThere(deps, tx, { ...arrival, identityId })
  const base = { accountId, methods: [], remember, authenticatedAt }
  await recordProof(deps, tx, { ...arrival, base, method })
  return { kind: 'signed_in', accountId }
}

/** Beside the identity: the session there, and what the source gave for it. */
export async function noteSessionThere(
  deps: AdmitDeps,
  tx: Transaction,
  input: Pick<Arrival, 'connection' | 'session' | 'tokens' | 'interactionUid'> & {
    identityId: string
  },
): Promise<void> {
  const { connection, session: hint, tokens, interactionUid, identityId } = input
  if (tokens) await keepTokens(deps, tx, identityId, tokens)
  if (!hint) return
  const session = { connectionId: connection.id, identityId, interactionUid, hint }
  await noteUpstreamSession(deps, tx, { ...session, now: deps.clock.now() })
}

export type Plan =
  | { kind: 'create'; email: string | undefined }
  | { kind: 'link'; account: Account; by: 'verified_email' }
  | { kind: 'pending' }

/**
 * What becomes of somebody who comes for the first time. Of an address that nobody has proven, what
 * follows never depends on whether somebody here has it: whoever can write any address into their
 * profile there would ask us for all of them.
 */
export async function planFor(
  { db, connections }: { db: Db; connections: Pick<Connections, 'kindOf'> },
  connection: Connection,
  person: UpstreamPerson,
): Promise<Plan> {
  const { provisioning, linking } = connection.definition
  const canonical = person.email === undefined ? undefined : canonicalEmail(person.email)
  if (canonical === undefined) {
    return provisioning === 'create' ? { kind: 'create', email: undefined } : { kind: 'pending' }
  }
  if (!isProven(connections, connection, person)) return { kind: 'pending' }
  const account = await findAccountByIdentifier(db, { kind: 'email', canonical })
  if (!account) {
    return provisioning === 'create' ? { kind: 'create', email: person.email } : { kind: 'pending' }
  }
  const joins = linking === 'verified_email' && account.emailVerified
  return joins && account.status === 'active'
    ? { kind: 'link', account, by: 'verified_email' }
    : { kind: 'pending' }
}

/**
 * An account for somebody who is nobody here.
 *
 * @param input `email`: one that is theirs, and nobody's here
 * @throws DomainError `conflict` where somebody was faster
 */
export async function createLinked(
  deps: AdmitDeps,
  tx: Transaction,
  input: {
    connection: Connection
    person: UpstreamPerson
    ruled: Ruled
    email: string | undefined
    origin: Origin
  },
): Promise<Identity> {
  const { connection, person, ruled, email, origin } = input
  const { claims, attributes } = acceptableOf(deps.profile, ruled)
  const username = (await freeUsername(deps, tx, person.username)) ?? madeUpName(connection, email)
  const account = await createAccount(
    deps,
    {
      email,
      emailVerified: email !== undefined,
      username,
      claims,
      attributes,
      by: byOf(connection),
    },
    tx,
  )
  const link = { connection, person, account, by: 'created' as const, origin }
  return await linkIdentity(deps, tx, link)
}

/** The name that they have there, where it can be one here and nobody has it. */
async function freeUsername(
  { phoneCountry }: AdmitDeps,
  tx: Transaction,
  username: string | undefined,
): Promise<string | undefined> {
  const usable = usableUsername(username, phoneCountry)
  if (!usable) return undefined
  const taken = await findAccountByIdentifier(tx, usable)
  return taken ? undefined : username
}

/** @throws DomainError `conflict` where the subject is somebody's already */
export async function linkIdentity(
  { clock }: Pick<AdmitDeps, 'clock'>,
  tx: Transaction,
  input: {
    connection: Connection
    person: UpstreamPerson
    account: Pick<Account, 'id'>
    by: 'created' | 'verified_email' | 'sign_in'
    origin: Origin
  },
): Promise<Identity> {
  const { connection, person, account, by, origin } = input
  const now = clock.now()
  const identity: Identity = {
    id: newId(now.getTime()),
    connectionId: connection.id,
    subject: person.subject,
    accountId: account.id,
    shownAs: shownAs(person),
    ownsAccount: by === 'created',
    createdAt: now,
    lastUsedAt: now,
  }
  await insertIdentity(tx, identity)
  const fact = { accountId: account.id, connection: connection.name, identityId: identity.id, by }
  await appendEvent(tx, identityLinked({ ...fact, ...origin }))
  return identity
}
