import type {
  SignInLimits,
  SignInReservation,
} from '../domain/authentication/sign_in_with_password.ts'
import { ipKeys } from '../domain/security/ip_key.ts'
import type { Attempt, RateLimits } from '../domain/security/rate_limit.ts'

/**
 * The named limits that stand before a password: one or two of the address, then one of the account,
 * so that a blocked address never touches what is counted of the account.
 */
export function createSignInLimits(limits: RateLimits): SignInLimits {
  return {
    reserve: (reservation) => limits.consumeAll(attemptsOf(reservation)),
    /** For a try that nobody checked: it gives back what it took, and forgets nothing else. */
    release: async (reservation) => {
      await Promise.all(attemptsOf(reservation).map(({ limit, key }) => limits.refund(limit, key)))
    },
    forget: (accountKey) => limits.reset('sign_in_account_untrusted', accountKey),
    refund: async (reservation) => {
      const account = accountLimit(reservation)
      // A success says that the guesses before it were the owner's own.
      await limits.reset(account.limit, account.key)
      await Promise.all(
        addressLimits(reservation).map(({ limit, key }) => limits.refund(limit, key)),
      )
    },
  }
}

function attemptsOf(reservation: SignInReservation): Attempt[] {
  return [...addressLimits(reservation), accountLimit(reservation)]
}

function accountLimit({ accountKey, deviceTrusted }: SignInReservation): Attempt {
  return {
    limit: deviceTrusted ? 'sign_in_account_trusted' : 'sign_in_account_untrusted',
    key: accountKey,
  }
}

function addressLimits({ ip }: SignInReservation): Attempt[] {
  if (ip === undefined) return []
  const { narrow, wide } = ipKeys(ip)
  return [
    { limit: 'sign_in_ip', key: narrow },
    ...(wide ? [{ limit: 'sign_in_ip_wide', key: wide } as const] : []),
  ]
}
