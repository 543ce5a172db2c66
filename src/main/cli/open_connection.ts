import { DomainError } from '../../core/errors.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import { openSecrets } from '../../domain/federation/connection_secrets.ts'
import { connectionNotFound, listConnections } from '../../domain/federation/connection_store.ts'
import type { Connector, ConnectorKind } from '../../domain/federation/connector.ts'
import { KINDS } from '../../domain/federation/kinds.ts'
import { SILENT, type Workplace } from './command_database.ts'

/** A connection as a command finds and opens it, whether people may use it or not. */

/** @throws DomainError `not_found` */
export async function getConnection(
  { db }: Pick<Workplace, 'db'>,
  name: string,
): Promise<Connection> {
  const found = (await listConnections(db)).find((each) => each.name === name)
  if (!found) throw connectionNotFound()
  return found
}

/** @throws DomainError `unsupported` where a newer program has made it */
export async function kindOf({ kind }: Pick<Connection, 'kind'>): Promise<ConnectorKind> {
  const found = await KINDS.get(kind)?.()
  if (found) return found
  throw new DomainError('unsupported', `This program knows no connections of the kind ${kind}.`)
}

/** Open until `work` is done. */
export async function withConnector<T>(
  place: Workplace,
  connection: Connection,
  work: (connector: Connector) => Promise<T>,
): Promise<T> {
  const { name, definition } = connection
  const kind = await kindOf(connection)
  const secrets = await openSecrets({ db: place.db, keyring: place.keyring() }, connection.id)
  const connector = kind.open(
    { name, settings: kind.settings.parse(definition.settings), secrets },
    {
      clock: place.clock,
      log: SILENT,
      outbound: place.outbound,
      issuer: place.config.server.issuer,
    },
  )
  try {
    return await work(connector)
  } finally {
    await connector.close()
  }
}
