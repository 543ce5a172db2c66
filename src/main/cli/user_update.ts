import type { Account } from '../../domain/accounts/account.ts'
import { getAccountById } from '../../domain/accounts/account_store.ts'
import { changeProfile } from '../../domain/accounts/change_profile.ts'
import { loadProfile } from '../../domain/accounts/profile/load_profile.ts'
import { type GivenAttributes, readAttributes } from './attribute_option.ts'
import { BY, type Workplace } from './command_database.ts'
import type { Answer } from './output.ts'
import { userAnswer } from './present_user.ts'

/** `authcore user update`: what is known about a person, changed by an operator. */

export type UpdateOptions = { claim?: Record<string, unknown>; attribute?: GivenAttributes }

export async function updateUser(
  place: Workplace,
  account: Account,
  { claim = {}, attribute }: UpdateOptions,
): Promise<Answer> {
  const attributes = readAttributes(await loadProfile(place.config), attribute)
  const claims = Object.fromEntries(
    Object.entries(claim).map(([name, value]) => [name, changed(account.claims[name], value)]),
  )
  await changeProfile(place, account.id, { claims, attributes }, { by: BY })
  return userAnswer(await getAccountById(place.db, account.id))
}

/** Nothing takes a claim away, or the member of an address; the other members stay. */
function changed(before: unknown, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value === '' ? undefined : value
  const whole = { ...withoutFormatted(before), ...value }
  const there = Object.entries(whole).filter(([, member]) => member !== '')
  return there.length > 0 ? Object.fromEntries(there) : undefined
}

/** It says what the other members said before. */
function withoutFormatted(before: unknown): Record<string, unknown> {
  const { formatted: _, ...rest } = (before ?? {}) as Record<string, unknown>
  return rest
}
