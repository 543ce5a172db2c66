import type { Clock } from '../../core/clock.ts'
import { type Origin, usernameChanged, usernameRefused } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import {
  getAccountById,
  lockActiveAccountToChange,
  updateAccountUsername,
} from './account_store.ts'
import { conflictingIdentifier } from './create_account.ts'
import { canonicalUsername, classifyIdentifier, presentable } from './identifier.ts'
import { isReservedUsername } from './reserved_usernames.ts'

/**
 * The username that somebody chooses for themselves, where the deployment lets people. Whose it was
 * before may take it back, and so may anybody: applications know people by their subject.
 */
export type UsernameChange =
  | { kind: 'changed' }
  | { kind: 'refused'; reason: 'unusable' | 'reserved' | 'taken' | 'unchanged' }

type Deps = {
  db: Db
  clock: Clock
  /** Whose telephone numbers may be typed as they are dialled there: such digits are no username. */
  phoneCountry: string | undefined
}

export async function changeUsername(
  deps: Deps,
  { accountId, username, origin }: { accountId: string; username: string; origin: Origin },
): Promise<UsernameChange> {
  const { db, clock } = deps
  const [canonical, shown] = [canonicalUsername(username), presentable(username)]
  if (!canonical || !shown || !isReadAsUsername(deps, username)) {
    return { kind: 'refused', reason: 'unusable' }
  }
  if (isReservedUsername(canonical)) {
    await appendEvent(db, usernameRefused({ accountId, reason: 'reserved', ...origin }))
    return { kind: 'refused', reason: 'reserved' }
  }
  try {
    return await inTransaction<UsernameChange>(db, async (tx) => {
      if (!(await lockActiveAccountToChange(tx, accountId)))
        return { kind: 'refused', reason: 'unusable' }
      const before = await getAccountById(tx, accountId)
      if (before.username === shown) return { kind: 'refused', reason: 'unchanged' }
      await updateAccountUsername(tx, accountId, { username: shown, canonical, now: clock.now() })
      await appendEvent(tx, usernameChanged({ accountId, by: 'owner', ...origin }))
      await notifyChange(tx, 'account', accountId)
      return { kind: 'changed' }
    })
  } catch (error) {
    if (conflictingIdentifier(error) === undefined) throw error
    await appendEvent(db, usernameRefused({ accountId, reason: 'taken', ...origin }))
    return { kind: 'refused', reason: 'taken' }
  }
}

/** At the sign-in it has to be taken for what it is. */
function isReadAsUsername({ phoneCountry }: Pick<Deps, 'phoneCountry'>, text: string): boolean {
  return classifyIdentifier(text, phoneCountry)?.kind === 'username'
}
