import { DomainError, unreachable } from '../../../core/errors.ts'
import type { BreachService } from './breach_service.ts'
import { isCommonPassword } from './common_passwords.ts'
import { PASSWORD_MAX_CODE_POINTS, passwordText } from './password_text.ts'

/**
 * What a new password must be (NIST SP 800-63B-4 §3.1.1.2): long enough, not the person's own name,
 * and none that everybody tries first. No rules of composition and no expiry. It is not asked at
 * sign-in.
 */
export type PasswordRefusal =
  | { kind: 'refused'; reason: 'too_short'; min: number }
  | { kind: 'refused'; reason: 'too_long'; max: number }
  | { kind: 'refused'; reason: 'unreadable' | 'context' | 'common' | 'breached' }

export type PasswordVerdict = { kind: 'acceptable' } | PasswordRefusal

export type PasswordPolicy = {
  /** The least number of code points. */
  minLength: number
  /**
   * @param context what an attacker tries first: username, e-mail address, the name of the product
   */
  check(password: string, context: readonly string[]): Promise<PasswordVerdict>
}

/** Where the password is the only factor (NIST SP 800-63B-4 §3.1.1.2). */
const PASSWORD_MIN_CODE_POINTS = 15

/** Shorter words occur in too many good passwords to be refused inside one. */
const CONTEXT_MIN = 4

/** @param breaches asked last, and only about what is acceptable otherwise */
export function createPasswordPolicy({
  minLength = PASSWORD_MIN_CODE_POINTS,
  breaches,
}: {
  minLength?: number
  breaches?: BreachService | undefined
} = {}): PasswordPolicy {
  return {
    minLength,
    async check(password, context) {
      const result = passwordText(password)
      if (result.kind === 'refused') return refusedText(result.fault)
      const { text } = result
      if ([...text].length < minLength) return refused({ reason: 'too_short', min: minLength })
      if (containsWord(text, context)) return refused({ reason: 'context' })
      if (await isCommonPassword(text)) return refused({ reason: 'common' })
      return (await breaches?.isBreached(text))
        ? refused({ reason: 'breached' })
        : { kind: 'acceptable' }
    },
  }
}

/** What holds where nothing else is configured: nobody outside is asked. */
export const OFFLINE_POLICY: PasswordPolicy = createPasswordPolicy()

/**
 * The same for those who can only give up, such as a command.
 *
 * @throws DomainError `invalid_input` with the reason
 */
export async function assertAcceptablePassword(
  password: string,
  context: readonly string[],
  policy: PasswordPolicy = OFFLINE_POLICY,
): Promise<void> {
  const verdict = await policy.check(password, context)
  if (verdict.kind === 'refused') throw refusalError(verdict)
}

export function refusalError(refusal: PasswordRefusal): DomainError {
  return new DomainError('invalid_input', describe(refusal))
}

function describe(refusal: PasswordRefusal): string {
  switch (refusal.reason) {
    case 'too_short':
      return `The password is too short: ${refusal.min} characters are the least.`
    case 'too_long':
      return `The password is too long: ${refusal.max} characters are the most.`
    case 'unreadable':
      return 'The password contains a character that cannot be typed.'
    case 'context':
      return 'The password must not contain your name, your address or the name of this site.'
    case 'common':
      return 'The password is one of those that are tried first. Choose one that nobody else has.'
    case 'breached':
      return 'The password is known from a data breach. Choose one that was never used before.'
    default:
      return unreachable(refusal)
  }
}

type Reason<T = PasswordRefusal> = T extends PasswordRefusal ? Omit<T, 'kind'> : never

function refused(reason: Reason): PasswordRefusal {
  return { kind: 'refused', ...reason } as PasswordRefusal
}

function refusedText(fault: 'too_long' | 'unreadable'): PasswordRefusal {
  return fault === 'too_long'
    ? refused({ reason: fault, max: PASSWORD_MAX_CODE_POINTS })
    : refused({ reason: fault })
}

function containsWord(text: string, context: readonly string[]): boolean {
  const folded = fold(text)
  return context.flatMap(wordsOf).some((word) => contains(folded, word))
}

/** The text itself, and of an address the part before the at sign. */
function wordsOf(text: string): string[] {
  const words = [text, text.split('@')[0]!].map((word) => fold(word.trim()))
  return words.filter((word) => word !== '')
}

function contains(folded: string, word: string): boolean {
  return [...word].length < CONTEXT_MIN ? folded === word : folded.includes(word)
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}
