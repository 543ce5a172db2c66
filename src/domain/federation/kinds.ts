import type { ConnectorKind } from './connector.ts'

/** Every kind of source that this server speaks to, by the name that a connection's file gives. */
export const KINDS: Kinds = new Map<string, ConnectorKind>()

export type Kinds = ReadonlyMap<string, ConnectorKind>
