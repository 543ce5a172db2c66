import type { EndAccess } from '../../domain/accounts/account.ts'
import { deleteTrustedDevicesOfAccount } from '../../domain/sessions/trusted_device_store.ts'
import { deleteRecordsOfAccount } from '../../surfaces/oidc/adapters/postgres_records.ts'

/** As far as a command goes, which has no clients to tell: sessions, grants, tokens and the trust in browsers. */
export const endAccess: EndAccess = async (tx, accountId) => {
  await deleteRecordsOfAccount(tx, accountId)
  await deleteTrustedDevicesOfAccount(tx, accountId)
}
