import { InvalidArgumentError } from 'commander'
import { standardClaims } from '../../domain/accounts/claims.ts'

/** `--claim given_name=Ada`: one standard claim of OpenID Connect Core §5.1 at a time. */

const MEANT_ELSEWHERE: Readonly<Record<string, string>> = {
  email: 'Use --email.',
  email_verified: 'Use --email-verified.',
  preferred_username: 'Use --username.',
}

/** Collects `name=value`, and `address.country=FR` for the members of the address. */
export function claim(
  text: string,
  previous: Record<string, unknown> = {},
): Record<string, unknown> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write it as given_name=Ada.')
  const [name = '', member] = text.slice(0, at).split('.')
  const value = text.slice(at + 1)
  assertKnown(name)
  if (member === undefined)
    return { ...previous, [name]: name.endsWith('_verified') ? flag(value) : value }
  const whole = previous[name]
  return { ...previous, [name]: { ...(typeof whole === 'object' ? whole : {}), [member]: value } }
}

function assertKnown(name: string): void {
  if (Object.hasOwn(standardClaims.shape, name)) return
  const known = `Known are ${Object.keys(standardClaims.shape).join(', ')}.`
  throw new InvalidArgumentError(MEANT_ELSEWHERE[name] ?? known)
}

function flag(value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  throw new InvalidArgumentError('This one is true or false.')
}
