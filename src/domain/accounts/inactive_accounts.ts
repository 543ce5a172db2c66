import type { Clock } from '../../core/clock.ts'
import { accountInactivityWarned } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import {
  type Db,
  inTransaction,
  query,
  queryOne,
  type Transaction,
} from '../../platform/persistence/db.ts'
import type { AccountStatus, EndAccess } from './account.ts'
import { disableAccount } from './block_account.ts'
import { deleteAccount } from './delete_account.ts'

/**
 * Accounts that nobody uses are warned, disabled and deleted. Absence counts from the last sign-in,
 * or from when the account was made here or enabled again, whichever came last; a refresh of a token
 * is no sign-in. What an operator disabled is the operator's matter, and what its owner wants deleted
 * goes on its own day.
 */
export type InactivityPolicy = {
  /** Days of absence before each step; 0 where it is not taken. */
  warnDays: number
  disableDays: number
  deleteDays: number
}

type Deps = { db: Db; clock: Clock }

type Sweep = {
  policy: InactivityPolicy
  /** Whether mail leaves this deployment: without it nobody is warned, and nobody waits for that. */
  mail: boolean
  /** How many accounts at most, for each step. */
  limit: number
  endAccess: EndAccess
}

const BY = 'inactivity'
const DAY_MS = 86_400_000
/** Between the warning and what it warns of, however long somebody was away before it. */
const NOTICE_DAYS = 7

type Idle = { id: string; absentSince: Date }
type Due = 'unwarned' | 'over'
type Step = {
  due: Due
  status: AccountStatus
  days: number
  act(tx: Transaction, account: Idle): Promise<unknown>
}

/**
 * Does to each account what its absence asks for. Accounts that somebody else holds, be it a sign-in
 * or another worker, have to wait for the next time.
 *
 * @returns how many steps were taken
 */
export async function handleInactiveAccounts({ db, clock }: Deps, sweep: Sweep): Promise<number> {
  const now = clock.now()
  const warnedBefore = warns(sweep) ? daysAfter(now, -NOTICE_DAYS) : null
  let taken = 0
  for (const { due, status, days, act } of stepsOf(clock, sweep)) {
    const values = [
      status,
      daysAfter(now, -days),
      // Only those that are over look at it, and PostgreSQL takes no parameter that nobody uses.
      ...(due === 'over' ? [warnedBefore] : []),
    ]
    for (const { id } of await query<{ id: string }>(db, LIST[due], [sweep.limit, ...values])) {
      const isTaken = await inTransaction(db, async (tx) => {
        const row = await queryOne<{ absent_since: Date }>(tx, CLAIM[due], [id, ...values])
        if (row) await act(tx, { id, absentSince: row.absent_since })
        return row !== undefined
      })
      if (isTaken) taken += 1
    }
  }
  return taken
}

function warns({ policy, mail }: Sweep): boolean {
  return mail && policy.warnDays > 0 && firstConsequence(policy) > 0
}

/** After how many days of absence an account is closed: disabled or deleted, whichever comes first. */
function firstConsequence({ disableDays, deleteDays }: InactivityPolicy): number {
  return disableDays || deleteDays
}

function stepsOf(clock: Clock, sweep: Sweep): Step[] {
  const { policy, endAccess } = sweep
  const { disableDays, deleteDays } = policy
  const warnDays = warns(sweep) ? policy.warnDays : 0
  const warnOf = (days: number) => (tx: Transaction, account: Idle) =>
    warn(tx, { account, days, now: clock.now() })
  const remove = (tx: Transaction, { id }: Idle) =>
    deleteAccount({ db: tx }, id, { by: BY, endAccess })
  const disable = async (tx: Transaction, { id }: Idle) => {
    await disableAccount({ db: tx, clock }, id, { by: BY, endAccess })
    await query(tx, 'UPDATE account SET inactive_disabled_at = $2 WHERE id = $1', [id, clock.now()])
  }
  const steps: Step[] = [
    { due: 'unwarned', status: 'active', days: warnDays, act: warnOf(firstConsequence(policy)) },
    // Disabled before there were warnings: it is told at least that it will be deleted.
    { due: 'unwarned', status: 'disabled', days: deleteDays && warnDays, act: warnOf(deleteDays) },
    // Deletion first: of an account that is due for both, one event is enough.
    { due: 'over', status: 'active', days: deleteDays, act: remove },
    { due: 'over', status: 'disabled', days: deleteDays, act: remove },
    { due: 'over', status: 'active', days: disableDays, act: disable },
  ]
  return steps.filter(({ days }) => days > 0)
}

async function warn(
  tx: Transaction,
  { account: { id, absentSince }, days, now }: { account: Idle; days: number; now: Date },
): Promise<void> {
  await query(tx, 'UPDATE account SET inactive_warned_at = $2 WHERE id = $1', [id, now])
  const due = daysAfter(absentSince, days)
  const earliest = daysAfter(now, NOTICE_DAYS)
  const at = (due > earliest ? due : earliest).toISOString()
  await appendEvent(tx, accountInactivityWarned({ accountId: id, at, by: BY }))
}

function daysAfter(moment: Date, days: number): Date {
  return new Date(moment.getTime() + days * DAY_MS)
}

// The conditions are those of the indexes account_idle and account_idle_unwarned, word for word.
const ABSENT_SINCE = 'greatest(idle_from, last_signed_in_at)'
const OURS = `deletion_at IS NULL AND (status = 'active' OR inactive_disabled_at IS NOT NULL)`
const ABSENT = `${OURS} AND status = $2 AND ${ABSENT_SINCE} <= $3`

const DUE: Readonly<Record<Due, string>> = {
  // A warning that is older than the absence was for another one.
  unwarned: `${ABSENT} AND email IS NOT NULL
    AND (inactive_warned_at IS NULL OR inactive_warned_at <= ${ABSENT_SINCE})`,
  over: `${ABSENT} AND ($4::timestamptz IS NULL OR email IS NULL
    OR inactive_warned_at > ${ABSENT_SINCE} AND inactive_warned_at <= $4)`,
}

const LIST = {
  unwarned: listSql('unwarned'),
  over: listSql('over'),
}

const CLAIM = {
  unwarned: claimSql('unwarned'),
  over: claimSql('over'),
}

function listSql(due: Due): string {
  return `SELECT id FROM account WHERE ${DUE[due]} ORDER BY ${ABSENT_SINCE} LIMIT $1`
}

/** Whoever has signed in since the list was made is not due any more. */
function claimSql(due: Due): string {
  return `SELECT ${ABSENT_SINCE} AS absent_since FROM account
    WHERE id = $1 AND ${DUE[due]} FOR UPDATE SKIP LOCKED`
}
