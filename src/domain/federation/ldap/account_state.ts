import type { AccountFault } from '../connector.ts'
import { firstText } from './entry.ts'
import type { Entry } from './message.ts'

/** What an entry says of the state of the account, whatever the server said to its password. */

/** [MS-ADTS] §2.2.16, §3.1.1.4.5.17. */
const DISABLED = 0x2
const LOCKED_OUT = 0x10
const PASSWORD_NEVER_EXPIRES = 0x1_0000
const PASSWORD_EXPIRED = 0x80_0000

/** [MS-ADTS] §2.2.x: 100 nanoseconds since 1601, and two ways to say never. */
const NEVER = 0x7fff_ffff_ffff_ffffn
const MS_FROM_1601_TO_1970 = 11_644_473_600_000n

export function activeDirectoryFault(entry: Entry, now: Date): AccountFault | undefined {
  const flags = numberOf(entry, 'userAccountControl')
  const computed = numberOf(entry, 'msDS-User-Account-Control-Computed')
  if (flags & DISABLED) return 'disabled'
  if (isOver(entry, 'accountExpires', now)) return 'expired'
  if (isLocked(entry, computed)) return 'locked'
  if (flags & PASSWORD_NEVER_EXPIRES) return undefined
  if (firstText(entry, 'pwdLastSet') === '0') return 'must_change_password'
  return computed & PASSWORD_EXPIRED ? 'password_expired' : undefined
}

/** lockoutTime stays after the lock is over; the computed flag knows, where it can be read. */
function isLocked(entry: Entry, computed: number): boolean {
  if (firstText(entry, 'msDS-User-Account-Control-Computed')) return (computed & LOCKED_OUT) !== 0
  return (firstText(entry, 'lockoutTime') ?? '0') !== '0'
}

function isOver(entry: Entry, attribute: string, now: Date): boolean {
  const text = firstText(entry, attribute) ?? '0'
  if (!/^\d{1,19}$/.test(text)) return false
  const ticks = BigInt(text)
  if (ticks === 0n || ticks >= NEVER) return false
  return ticks / 10_000n - MS_FROM_1601_TO_1970 <= BigInt(now.getTime())
}

function numberOf(entry: Entry, attribute: string): number {
  return Number(firstText(entry, attribute) ?? 0) | 0
}

const DAY_MS = 86_400_000
/** draft-behera-ldap-password-policy §5.3.3: locked until an administrator says otherwise. */
const FOR_GOOD = '000001010000Z'

/** Of the password policy of OpenLDAP, of 389 Directory Server, and of shadowAccount (RFC 2307). */
export function genericFault(entry: Entry, now: Date): AccountFault | undefined {
  const truth = (attribute: string) => firstText(entry, attribute)?.toUpperCase() === 'TRUE'
  const expireDay = Number(firstText(entry, 'shadowExpire') ?? -1)
  if (truth('nsAccountLock')) return 'disabled'
  if (firstText(entry, 'pwdAccountLockedTime') === FOR_GOOD) return 'disabled'
  if (expireDay >= 0 && expireDay * DAY_MS <= now.getTime()) return 'expired'
  return truth('pwdReset') ? 'must_change_password' : undefined
}
