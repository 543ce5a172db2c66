import type { Origin } from '../../../platform/events/catalogue.ts'
import type { AuthEvent } from '../../../platform/events/event.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import type { SignInPlace } from '../../sessions/sign_in_place_store.ts'
import type { Method } from '../assurance.ts'
import type { Signal } from './signals.ts'

/**
 * What a sign-in under way was found to be, as it stands with its attempt.
 *
 * - `none`: its owner is told when it is done, and nothing more is asked
 * - `factor`: a second factor is asked for, whatever the policy says and the browser is trusted for
 * - `mailbox`: a code from the proven mailbox is asked for, of those who have no second factor
 * - `met`: that code was right
 */
export type Risk = { signals: Signal[]; asks: 'none' | 'factor' | 'mailbox' | 'met' }

/** What became of an unusual sign-in when its first proof was right; in events and metrics. */
export type RiskResult = 'notified' | 'already_met' | 'factor_asked' | 'code_asked' | 'let_in'

/** Absent where nothing that is switched on needs more than is known anyway. */
export type SignInRisk = {
  /**
   * Once for each sign-in, when its first proof was right, with the event that goes with the proof.
   * Undefined where nothing is unusual.
   */
  assess(
    db: Db,
    input: {
      accountId: string
      clientId: string
      method: Method
      knownDevice: boolean
      origin: Origin
    },
  ): Promise<{ risk: Risk; event: AuthEvent } | undefined>
  /** Where a sign-in came from, to be known again. */
  placeOf(origin: Origin, accountId: string): { place: SignInPlace; expiresAt: Date } | undefined
  /** A refused try counts too, of anybody or nobody; absent where nobody counts. */
  noteRefused?(db: Db, input: { accountId: string | undefined; origin: Origin }): Promise<void>
}
