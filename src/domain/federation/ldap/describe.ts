import type { Clock } from '../../../core/clock.ts'
import type { DirectoryEntry } from '../connector.ts'
import { activeDirectoryFault, genericFault } from './account_state.ts'
import type { Connection } from './connection.ts'
import { groupsOf, isInRequired } from './groups.ts'
import type { Entry } from './message.ts'
import { personOf } from './person.ts'
import type { Profile } from './profile.ts'

/** The person of an entry, their groups, and what the entry says against letting them in. */
export async function describeEntry(
  entry: Entry,
  profile: Profile,
  connection: Connection,
  clock: Clock,
): Promise<DirectoryEntry> {
  const groups = await groupsOf(entry, profile, connection)
  const names = [...new Set(groups.map(({ name }) => name))]
  const stateOf = profile.isActiveDirectory ? activeDirectoryFault : genericFault
  const isIn = isInRequired(groups, profile.settings.required_groups)
  const fault = stateOf(entry, clock.now()) ?? (isIn ? undefined : 'not_permitted')
  const person = personOf(entry, profile, names, connection.channel.server)
  return fault ? { person, fault } : { person }
}
