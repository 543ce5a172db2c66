import type { ConnectorKind } from './connector.ts'
import { ldapKind } from './ldap/ldap_kind.ts'

/** Every kind of source that this server speaks to, by the name that a connection's file gives. */
export const KINDS: Kinds = new Map([['ldap', ldapKind as ConnectorKind]])

export type Kinds = ReadonlyMap<string, ConnectorKind>
