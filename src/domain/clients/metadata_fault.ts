import type { ClientMetadata } from './client_metadata.ts'

/** What is wrong with the metadata of a client, and where. */
export type MetadataFault = { path: (string | number)[]; message: string }

/** A check between members; it finds nothing where all is well. */
export type Rule = (metadata: ClientMetadata) => MetadataFault[]

export function fault(member: keyof ClientMetadata, message: string): MetadataFault[] {
  return [{ path: [member], message }]
}
