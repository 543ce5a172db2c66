import { DomainError } from '../../../core/errors.ts'
import { passwordText } from './password_text.ts'

/**
 * What a new password must be: long enough, and not the person's own name. No rules of composition
 * and no expiry (NIST SP 800-63B-4 §3.1.1.2). It is not asked at sign-in.
 */

const PASSWORD_MIN_CODE_POINTS = 8
/** Shorter words occur in too many good passwords to be refused inside one. */
const CONTEXT_MIN = 4

/**
 * @param context what an attacker tries first: username, e-mail address, the name of the product
 * @throws DomainError `invalid_input` with the reason
 */
export function assertAcceptablePassword(password: string, context: readonly string[]): void {
  const result = passwordText(password)
  if (result.kind === 'refused') {
    throw refused(
      result.fault === 'too_long'
        ? 'The password is too long: 256 characters are the most.'
        : 'The password contains a character that cannot be typed.',
    )
  }
  if ([...result.text].length < PASSWORD_MIN_CODE_POINTS) {
    throw refused(
      `The password is too short: ${PASSWORD_MIN_CODE_POINTS} characters are the least.`,
    )
  }
  const folded = fold(result.text)
  if (context.flatMap(wordsOf).some((word) => contains(folded, word))) {
    throw refused('The password must not contain your name, your address or the name of this site.')
  }
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

function refused(message: string): DomainError {
  return new DomainError('invalid_input', message)
}
