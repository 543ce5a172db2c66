import type { Clock } from '../../core/clock.ts'
import { withoutUndefined } from '../../core/unknown.ts'
import type { Origin } from '../../platform/events/catalogue.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { postponeProfile } from '../accounts/account_store.ts'
import { changeProfile } from '../accounts/change_profile.ts'
import type { Profile } from '../accounts/profile/profile.ts'
import {
  attributeField,
  claimFields,
  type Field,
  type ProfileChange,
} from '../accounts/profile/profile_fields.ts'

/**
 * What a person is asked after the sign-in, little by little: what the deployment needs and does not
 * know yet, and what it would like to know. The latter can be put off, and then nobody asks for a month.
 */
const POSTPONED_DAYS = 30
const DAY_MS = 86_400_000

type Known = Pick<Account, 'claims' | 'attributes' | 'profilePostponedAt'>

/** Whether anybody is ever asked for anything: where not, nothing has to be looked up. */
export function asksForProfile({ asked, attributes }: Profile): boolean {
  return asked.length > 0 || attributes.some((each) => each.ask !== 'profile_only')
}

/** The fields that this person is to be shown now; none where nothing is missing. */
export function missingFields(profile: Profile, account: Known, now: Date): Field[] {
  const { claims, attributes, profilePostponedAt: postponedAt } = account
  const fields = [
    ...profile.asked
      .filter(({ claim }) => claims[claim] === undefined)
      .flatMap(({ claim, required }) => claimFields(claim, required)),
    ...profile.attributes
      .filter((attribute) => isAsked(attribute) && attributes[attribute.name] === undefined)
      .map(attributeField),
  ]
  const waits = postponedAt && now.getTime() < postponedAt.getTime() + POSTPONED_DAYS * DAY_MS
  if (!waits) return fields
  // Of an address that is needed, its lesser parts are asked for with it.
  const needed = fields.filter(({ required }) => required)
  const address = needed.some(({ kind }) => kind === 'address')
  return fields.filter(({ required, kind }) => required || (address && kind === 'address'))
}

/** Whoever came over from elsewhere was never at the sign-up page. */
function isAsked({ ask, required }: Profile['attributes'][number]): boolean {
  return ask === 'after_sign_in' || (ask === 'sign_up' && required)
}

/** Keeps what was answered; what was left empty is put off. */
export async function completeProfile(
  deps: { db: Db; clock: Clock },
  { accountId, change, origin }: { accountId: string; change: ProfileChange; origin: Origin },
): Promise<void> {
  // What somebody else has filled in meanwhile is not taken away.
  const answered = {
    claims: withoutUndefined(change.claims),
    attributes: withoutUndefined(change.attributes),
  }
  await inTransaction(deps.db, async (tx) => {
    await changeProfile(deps, accountId, answered, origin, tx)
    await postponeProfile(tx, accountId, deps.clock.now())
  })
}
