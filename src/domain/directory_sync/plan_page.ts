import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { ImportedAccount } from '../account_import/imported_account.ts'
import { differingFields } from '../accounts/change_profile.ts'
import { parseStandardClaims } from '../accounts/claims.ts'
import { canonicalEmail, canonicalUsername, presentable } from '../accounts/identifier.ts'
import { acceptableOf } from '../accounts/profile/acceptable.ts'
import { assertSmall, type Profile } from '../accounts/profile/profile.ts'
import type { ProfileChange } from '../accounts/profile/profile_fields.ts'
import { isProven, madeUpName, shownAs, usableUsername } from '../authentication/person_here.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { AccountFault, DirectoryEntry, UpstreamPerson } from '../federation/connector.ts'
import { applyRules, type Ruled } from '../federation/rules.ts'
import {
  type KnownPerson,
  listKnownPeople,
  listTakenNames,
  type Sighting,
} from './sync_person_store.ts'

/** What a page of a directory means here, by reading alone. */
export type PagePlan = {
  seen: number
  /** Of those who are known here, by the id of their identity; not those who were seen in this run before. */
  sightings: Sighting[]
  /** By the id of the account. */
  changes: Map<string, ProfileChange>
  newcomers: Newcomer[]
  leftAlone: LeftAlone[]
}

export type Newcomer = { subject: string; shownAs: string | undefined; account: ImportedAccount }

export type LeftAlone =
  /** Nobody here, and the connection does not say that they get an account. */
  | 'unknown'
  /** Somebody here has their address: its owner joins the two by signing in. */
  | 'address_taken'
  /** The source does not vouch for their address, so they are asked at their first sign-in. */
  | 'address_unproven'
  /** What is told of them does not fit into an account. */
  | 'unfit'
  /** Nobody here, and not let in there. */
  | Ending

/** What ends somebody's access; the others can be mended at a sign-in, or pass. */
type Ending = Extract<AccountFault, 'disabled' | 'expired' | 'not_permitted'>

const ENDINGS: ReadonlySet<string> = new Set<Ending>(['disabled', 'expired', 'not_permitted'])

export type PlanDeps = {
  connections: Pick<Connections, 'kindOf'>
  profile: Profile
  phoneCountry?: string | undefined
}

type Listed = { person: UpstreamPerson; ruled: Ruled; ending: Ending | undefined }

export async function planPage(
  deps: PlanDeps,
  db: Db,
  page: { connection: Connection; runId: string; now: Date; entries: readonly DirectoryEntry[] },
): Promise<PagePlan> {
  const { connection, runId, now, entries } = page
  const listed = new Map(
    entries.map((entry) => [entry.person.subject, listedOf(connection, entry)] as const),
  )
  const known = await listKnownPeople(db, connection.id, [...listed.keys()])
  const strangers = [...listed.values()].filter(({ person }) => !known.has(person.subject))
  const here = [...known.values()].flatMap((person) =>
    // Before the run was cut off, or on an earlier page: somebody was moved while it went on.
    person.seenIn === runId ? [] : [{ known: person, listed: listed.get(person.subject)! }],
  )
  return {
    seen: entries.length,
    sightings: here.map(sightingOf),
    changes: changesOf(deps, connection, here),
    ...(await planStrangers(deps, db, { connection, now, strangers })),
  }
}

function listedOf(connection: Connection, { person, fault }: DirectoryEntry): Listed {
  const ruled = applyRules(connection.definition.rules, person)
  const ended = fault !== undefined && ENDINGS.has(fault) ? (fault as Ending) : undefined
  return { person, ruled, ending: ended ?? (ruled.allowed ? undefined : 'not_permitted') }
}

type Here = { known: KnownPerson; listed: Listed }

function sightingOf({ known, listed }: Here): Sighting {
  return { id: known.id, fault: listed.ending, shownAs: shownAs(listed.person) }
}

/** Of whom the source may tell, and tells something new. */
function changesOf(
  { profile }: PlanDeps,
  { definition }: Connection,
  here: readonly Here[],
): Map<string, ProfileChange> {
  if (!definition.refresh) return new Map()
  return new Map(
    here.flatMap(({ known, listed }) => {
      if (!known.ownsAccount || listed.ending) return []
      const change = acceptableOf(profile, listed.ruled)
      return differingFields(known, change).length > 0 ? [[known.accountId, change] as const] : []
    }),
  )
}

type Strangers = { connection: Connection; now: Date; strangers: readonly Listed[] }

async function planStrangers(
  deps: PlanDeps,
  db: Db,
  { connection, now, strangers }: Strangers,
): Promise<Pick<PagePlan, 'newcomers' | 'leftAlone'>> {
  if (!connection.definition.sync?.create) {
    return { newcomers: [], leftAlone: strangers.map(() => 'unknown' as const) }
  }
  const names = strangers.map(({ person }) => namesOf(deps, person))
  const taken = await listTakenNames(db, {
    emails: names.flatMap(({ email }) => email ?? []),
    usernames: names.flatMap(({ username }) => username ?? []),
  })
  const newcomers: Newcomer[] = []
  const leftAlone: LeftAlone[] = []
  for (const [i, stranger] of strangers.entries()) {
    const outcome = planStranger(deps, { connection, now, taken }, stranger, names[i]!)
    if (typeof outcome === 'string') leftAlone.push(outcome)
    else newcomers.push(outcome)
  }
  return { newcomers, leftAlone }
}

type Names = { email: string | undefined; username: string | undefined }

/** In their canonical forms. */
function namesOf({ phoneCountry }: PlanDeps, { email, username }: UpstreamPerson): Names {
  return {
    email: email === undefined ? undefined : canonicalEmail(email),
    username: usableUsername(username, phoneCountry)?.canonical,
  }
}

/**
 * Who would get an account at their first sign-in gets one now; whoever would be asked something then is
 * left alone until they come. Two of one name in the directory are told apart as two who come one after
 * the other: `taken` grows.
 */
function planStranger(
  deps: PlanDeps,
  place: { connection: Connection; now: Date; taken: Record<'emails' | 'usernames', Set<string>> },
  { person, ruled, ending }: Listed,
  names: Names,
): Newcomer | LeftAlone {
  const { connection, now, taken } = place
  if (ending) return ending
  if (names.email !== undefined && !isProven(deps.connections, connection, person)) {
    return 'address_unproven'
  }
  if (names.email !== undefined && taken.emails.has(names.email)) return 'address_taken'
  const profile = fitting(deps.profile, ruled)
  if (!profile) return 'unfit'
  const isFree = names.username !== undefined && !taken.usernames.has(names.username)
  const username = isFree ? person.username : madeUpName(connection, names.email)
  if (names.email !== undefined) taken.emails.add(names.email)
  if (isFree) taken.usernames.add(names.username!)
  const account: ImportedAccount = {
    id: newId(now.getTime()),
    status: 'active',
    ...profile,
    ...(username === undefined ? {} : usernameOf(username)),
    ...(names.email === undefined ? {} : { email: presentable(person.email!)! }),
    ...(names.email === undefined ? {} : { emailCanonical: names.email }),
    emailVerified: names.email !== undefined,
    phoneVerified: false,
    createdAt: now,
  }
  return { subject: person.subject, shownAs: shownAs(person), account }
}

function usernameOf(text: string): { username: string; usernameCanonical: string } {
  return { username: presentable(text)!, usernameCanonical: canonicalUsername(text)! }
}

function fitting(profile: Profile, ruled: Ruled): ProfileChange | undefined {
  const { claims, attributes } = acceptableOf(profile, ruled)
  try {
    assertSmall(attributes)
    return { claims: parseStandardClaims(claims), attributes }
  } catch (error) {
    if (error instanceof DomainError) return undefined
    throw error
  }
}
