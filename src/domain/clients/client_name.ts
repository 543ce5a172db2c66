import { DomainError } from '../../core/errors.ts'

const NAME_MAX = 100
const NAME_MAX_BYTES = 400

/**
 * The name people read on the consent page. Pages escape it; here it only must be short and free of
 * what cannot be seen or turns the text around it.
 *
 * @throws DomainError `invalid_input`
 */
export function assertClientName(name: string): void {
  const short = [...name].length <= NAME_MAX && Buffer.byteLength(name) <= NAME_MAX_BYTES
  const visible =
    name.isWellFormed() && !/[\p{Cc}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(name)
  if (name.trim() === '' || !short || !visible) {
    throw new DomainError(
      'invalid_input',
      `A client needs a name of 1 to ${NAME_MAX} visible characters.`,
    )
  }
}
