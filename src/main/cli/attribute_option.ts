import { InvalidArgumentError } from 'commander'
import type { Attribute } from '../../domain/accounts/profile/attribute.ts'
import { type Profile, parseAttributes } from '../../domain/accounts/profile/profile.ts'

/** `--attribute badge=A-17`: one attribute of the deployment's schema at a time, as text. */

export type GivenAttributes = Readonly<Record<string, string>>

export function attribute(text: string, previous: GivenAttributes = {}): GivenAttributes {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write it as badge=A-17.')
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) }
}

/**
 * The values that the texts stand for; nothing behind the `=` is undefined.
 *
 * @throws DomainError `invalid_input` naming the attribute that is not acceptable
 */
export function readAttributes(
  profile: Profile,
  given: GivenAttributes = {},
): Record<string, unknown> {
  const values = Object.entries(given).map(([name, text]) => [
    name,
    text === ''
      ? undefined
      : valueBehind(
          profile.attributes.find((each) => each.name === name),
          text,
        ),
  ])
  const there = Object.fromEntries(values.filter(([, value]) => value !== undefined))
  return { ...Object.fromEntries(values), ...parseAttributes(profile, there) }
}

/** What is none of its kind stays text, which the schema refuses. */
function valueBehind(known: Attribute | undefined, text: string): unknown {
  switch (known?.kind) {
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
    case 'yes_no':
      return text === 'true' || (text === 'false' ? false : text)
    case 'choices':
      return text.split(',').map((part) => part.trim())
    default:
      return text
  }
}
