import { readableSecret } from '../../core/secrets.ts'
import { canonicalUsername, classifyIdentifier, type Identifier } from '../accounts/identifier.ts'
import { isReservedUsername } from '../accounts/reserved_usernames.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { UpstreamPerson } from '../federation/connector.ts'

/** What somebody of a source is called here, whether they come by themselves or are found there. */

/** Whether the address is theirs, as far as the deployment believes the source. */
export function isProven(
  connections: Pick<Connections, 'kindOf'>,
  connection: Connection,
  person: UpstreamPerson,
): boolean {
  const trusts = connection.definition.trust_email ?? connections.kindOf(connection).trustsEmail
  return trusts && person.emailVerified
}

/** The name that they have there, where it can be one here. Somebody may have it. */
export function usableUsername(
  username: string | undefined,
  phoneCountry: string | undefined,
): Identifier | undefined {
  const canonical = username === undefined ? undefined : canonicalUsername(username)
  if (username === undefined || canonical === undefined || isReservedUsername(canonical)) {
    return undefined
  }
  if (classifyIdentifier(username, phoneCountry)?.kind !== 'username') return undefined
  return { kind: 'username', canonical }
}

/** Nobody is without a name to sign in with, should the link ever go. */
export function madeUpName(connection: Connection, email: string | undefined): string | undefined {
  return email === undefined ? `${connection.name}-${readableSecret(2, 4)}` : undefined
}

/** What tells the identity from others, to a person. */
export function shownAs({ email, username, claims }: UpstreamPerson): string | undefined {
  const name = claims['name']
  const shown = email ?? username ?? (typeof name === 'string' ? name : undefined)
  return shown?.slice(0, 320)
}

/** Who did it, in the events of what a connection changes. */
export function byOf({ name }: Pick<Connection, 'name'>): string {
  return `connection:${name}`
}
