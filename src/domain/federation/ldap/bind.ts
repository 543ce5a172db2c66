import { BindRequest, PasswordPolicyControl } from 'ldapts'
import type { AccountFault } from '../connector.ts'
import type { Channel } from './channel.ts'
import { LdapError } from './ldap_error.ts'
import { BIND_RESPONSE, type LdapResult } from './message.ts'

/** What a server says to a name and a password (RFC 4511 §4.2). */

export type BindOutcome =
  | { kind: 'bound' }
  | { kind: 'wrong'; reason: 'unknown' | 'wrong_password' }
  /** `isProven`: the server has looked at the password first, and it is right. */
  | { kind: 'barred'; fault: AccountFault; isProven: boolean }

const MAX_ANSWER_BYTES = 64 * 1024

/**
 * @param password not empty: an empty one would bind nobody and succeed (RFC 4513 §5.1.2)
 * @throws LdapError where the answer tells nothing about the name and the password
 */
export async function bind(
  channel: Channel,
  name: string,
  password: string,
  timeoutMs: number,
): Promise<BindOutcome> {
  if (password === '') throw new TypeError('an empty password is not sent to a directory')
  // Without a name it would be an anonymous bind (RFC 4513 §5.1.1), which proves nothing.
  if (name === '') throw new LdapError('protocol', channel.server)
  const { result } = await channel.request(
    (base) =>
      new BindRequest({
        ...base,
        dn: name,
        password,
        controls: [new PasswordPolicyControl()],
      }),
    BIND_RESPONSE,
    { timeoutMs, maxBytes: MAX_ANSWER_BYTES },
  )
  return outcomeOf(result, channel.server)
}

/** draft-behera-ldap-password-policy §6.2. */
const POLICY_FAULTS: Readonly<Record<number, AccountFault>> = {
  0: 'password_expired',
  1: 'locked',
  2: 'must_change_password',
}

function outcomeOf(result: LdapResult, server: string): BindOutcome {
  const fault = POLICY_FAULTS[result.policyError ?? -1]
  if (fault && [SUCCESS, INVALID_CREDENTIALS].includes(result.code)) return barred(fault)
  if (result.code === SUCCESS) return { kind: 'bound' }
  if (result.code === INVALID_CREDENTIALS) return byDiagnostic(result.diagnostic)
  if (result.code === UNWILLING && INACTIVE.test(result.diagnostic)) {
    return { ...barred('disabled'), isProven: false }
  }
  const known = OUTCOMES[result.code]
  if (known) return known
  throw refusal(result.code, server)
}

/** Of a locked account no server looks at the password. */
function barred(fault: AccountFault) {
  return { kind: 'barred', fault, isProven: fault !== 'locked' } as const
}

const SUCCESS = 0
const INVALID_CREDENTIALS = 49
const UNWILLING = 53
/** So says 389 Directory Server of an account that its administrator has switched off. */
const INACTIVE = /inactivated|disabled/i

const OUTCOMES: Readonly<Record<number, BindOutcome>> = {
  /** constraintViolation: 389 Directory Server after too many tries. */
  19: barred('locked'),
  /** noSuchObject, invalidDNSyntax: what a template made of the name is nobody. */
  32: { kind: 'wrong', reason: 'unknown' },
  34: { kind: 'wrong', reason: 'unknown' },
  /** inappropriateAuthentication: the entry has no password. */
  48: { kind: 'wrong', reason: 'wrong_password' },
}

/** The Windows error in what Active Directory says: `80090308: LdapErr: DSID-…, data 52e, v3839`. */
const SUB_CODES: Readonly<Record<string, BindOutcome>> = {
  '525': { kind: 'wrong', reason: 'unknown' },
  '52e': { kind: 'wrong', reason: 'wrong_password' },
  /** The hour, the machine, or what else restricts the account. */
  '52f': barred('not_permitted'),
  '530': barred('not_permitted'),
  '531': barred('not_permitted'),
  '532': barred('password_expired'),
  '533': barred('disabled'),
  '701': barred('expired'),
  '773': barred('must_change_password'),
  '775': barred('locked'),
}

function byDiagnostic(diagnostic: string): BindOutcome {
  const code = /\bdata ([0-9a-f]{3,4})\b/i.exec(diagnostic)?.[1]?.toLowerCase()
  return SUB_CODES[code ?? ''] ?? { kind: 'wrong', reason: 'wrong_password' }
}

/** A result code that is about the server or about us (RFC 4511 appendix A). */
export function refusal(code: number, server: string): LdapError {
  if (code === 10) return new LdapError('referral', server)
  if (code === 8 || code === 13) return new LdapError('wants_tls', server, String(code))
  if (code === 3 || code === 51 || code === 52) return new LdapError('unable', server, String(code))
  if (code === 4 || code === 11) return new LdapError('too_large', server, String(code))
  return new LdapError('refused', server, `result ${code}`)
}
