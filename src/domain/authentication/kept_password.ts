import type { Db } from '../../platform/persistence/db.ts'
import { findPassword } from '../credentials/password/password_store.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import { type Identity, listIdentitiesOfAccount } from '../federation/identity_store.ts'

type Deps = { db: Db; connections: Pick<Connections, 'all' | 'kindOf'> }

/**
 * The directory that keeps the password of an account which was made for it. There is none here then, and
 * nobody gets one by themselves: it would still open the account when the directory no longer does. The
 * same holds while the connection is disabled.
 */
export async function findPasswordKeeper(
  { db, connections }: Deps,
  accountId: string,
): Promise<Connection | undefined> {
  const all = await connections.all()
  // Where there are none it costs nothing.
  if (all.length === 0) return undefined
  const identities = await listIdentitiesOfAccount(db, accountId)
  const keeper = all.find((connection) =>
    identities.some((identity) => belongsToDirectory(connections, { identity, connection })),
  )
  // One that an operator has set is the account's own.
  return keeper && !(await findPassword(db, accountId)) ? keeper : undefined
}

/** Whether the account was made for this identity, and the identity is one of this directory. */
export function belongsToDirectory(
  connections: Pick<Connections, 'kindOf'>,
  { identity, connection }: { identity: Identity; connection: Connection },
): boolean {
  return (
    identity.ownsAccount &&
    identity.connectionId === connection.id &&
    connections.kindOf(connection).signsInBy === 'password'
  )
}
