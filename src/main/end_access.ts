import type { EndAccess } from '../domain/accounts/account.ts'
import { createSessionEnder } from '../surfaces/oidc/end_session.ts'
import type { Parts } from './compose.ts'

/** With it the clients that take part in a session are told. */
export function endAccessOf({ stores, codec, runtime }: Parts): EndAccess {
  return createSessionEnder({ stores, codec, provider: () => runtime.provider() }).endAccess
}
