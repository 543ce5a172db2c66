import type { Db } from '../../platform/persistence/db.ts'
import { findAccountById } from '../accounts/account_store.ts'
import { acceptableOf } from '../accounts/profile/acceptable.ts'
import type { Profile } from '../accounts/profile/profile.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { DirectoryEntry } from '../federation/connector.ts'
import { findIdentity } from '../federation/identity_store.ts'
import { applyRules } from '../federation/rules.ts'
import { planFor } from './admit_person.ts'

/** What would become of somebody who came from a source now. Nothing is made, kept or told. */
export type Preview = {
  outcome:
    | 'signs_in'
    | 'gets_an_account'
    | 'is_joined_by_address'
    | 'is_asked_for_an_account'
    | 'is_not_let_in'
  /** Whose account it is, or would be; absent where nobody's. */
  accountId?: string | undefined
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
}

export async function previewAdmission(
  deps: { db: Db; connections: Pick<Connections, 'kindOf'>; profile: Profile },
  connection: Connection,
  { person, fault }: DirectoryEntry,
): Promise<Preview> {
  const ruled = applyRules(connection.definition.rules, person)
  const told = acceptableOf(deps.profile, ruled)
  if (fault || !ruled.allowed) return { outcome: 'is_not_let_in', ...told }
  const asked = { connectionId: connection.id, subject: person.subject }
  const identity = await findIdentity(deps.db, asked)
  if (identity) {
    const { accountId } = identity
    const account = await findAccountById(deps.db, accountId)
    const barred = identity.barredAt !== undefined && connection.definition.sync !== undefined
    const outcome = account?.status === 'active' && !barred ? 'signs_in' : 'is_not_let_in'
    return { outcome, accountId, ...told }
  }
  const plan = await planFor(deps, connection, person)
  switch (plan.kind) {
    case 'create':
      return { outcome: 'gets_an_account', ...told }
    case 'link':
      return { outcome: 'is_joined_by_address', accountId: plan.account.id, ...told }
    default:
      return { outcome: 'is_asked_for_an_account', ...told }
  }
}
