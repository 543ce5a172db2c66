/**
 * Corrects what the engine says of itself in discovery: every list is of something that works, so an
 * empty one is no member at all (RFC 8414 §3.2: "Claims with zero elements MUST be omitted").
 */
export function amendDiscovery(document: object): object {
  return Object.fromEntries(
    Object.entries(document).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  )
}
