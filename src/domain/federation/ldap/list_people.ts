import { FilterParser } from 'ldapts'
import type { Clock } from '../../../core/clock.ts'
import type { DirectoryConnector, DirectoryEntry } from '../connector.ts'
import type { Connection } from './connection.ts'
import { describeEntry } from './describe.ts'
import type { Directory } from './directory.ts'
import { asOutboundError } from './ldap_error.ts'
import { acceptableLogin, directName, findByLogin, findBySubject } from './look_up.ts'
import type { Entry } from './message.ts'

/** Who there is: page by page (RFC 2696), of which one is held at a time. */

/** Active Directory gives no more at once. */
const MAX_PAGE_SIZE = 1000

export function listPeople(directory: Directory, clock: Clock): DirectoryConnector {
  const { profile } = directory
  const { mode, nested } = profile.settings.groups
  const asksForGroups = mode === 'search' || (mode === 'member_of' && nested)
  // The cookie is worth something on its own connection alone; groups are asked for on others.
  const told = (entry: Entry, own: Connection) =>
    asksForGroups
      ? directory.asService((connection) => describeEntry(entry, profile, connection, clock))
      : describeEntry(entry, profile, own, clock)

  async function* pages(input: { pageSize: number; signal: AbortSignal }) {
    input.signal.throwIfAborted()
    const connection = await directory.alone().catch((error: unknown) => {
      throw asOutboundError(error)
    })
    const stop = () => connection.channel.close()
    input.signal.addEventListener('abort', stop)
    try {
      let cookie: Buffer | undefined
      do {
        const { entries, next } = await connection.searchPage(
          {
            ...{ base: profile.settings.base_dn, scope: 'sub' },
            filter: FilterParser.parseString(profile.listFilter),
            attributes: profile.attributes,
            limit: Math.min(Math.max(1, input.pageSize), MAX_PAGE_SIZE),
          },
          cookie,
        )
        const people: DirectoryEntry[] = []
        for (const entry of entries) people.push(await told(entry, connection))
        input.signal.throwIfAborted()
        yield people.filter(({ fault }) => fault !== 'not_permitted')
        cookie = next
      } while (cookie)
    } catch (error) {
      input.signal.throwIfAborted()
      throw asOutboundError(error)
    } finally {
      input.signal.removeEventListener('abort', stop)
      connection.channel.close()
    }
  }
  return {
    list: pages,
    async find(subject) {
      try {
        return await directory.asService(async (connection) => {
          const found = await findBySubject(subject, profile, connection)
          if (found.kind !== 'one') return undefined
          return describeEntry(found.entry, profile, connection, clock)
        })
      } catch (error) {
        throw asOutboundError(error)
      }
    },
    async lookUp(typed) {
      const login = acceptableLogin(typed)
      if (login === undefined) return undefined
      try {
        return await directory.asService(async (connection) => {
          const direct = profile.settings.bind === 'search' ? undefined : directName(login, profile)
          const found = direct
            ? await direct.read(connection)
            : await findByLogin(login, profile, connection)
          if (found.kind !== 'one') return undefined
          return await describeEntry(found.entry, profile, connection, clock)
        })
      } catch (error) {
        throw asOutboundError(error)
      }
    },
  }
}
