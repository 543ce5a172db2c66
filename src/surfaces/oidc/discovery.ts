import type { Config } from '../../platform/config/schema.ts'

/** What of discovery is not the engine's: it knows only what it does itself. */
export function amendDiscovery(
  document: object,
  { requestUri }: Pick<Config['protocols'], 'requestUri'>,
): object {
  return {
    ...withoutEmptyLists(document),
    ...(requestUri
      ? { request_uri_parameter_supported: true, require_request_uri_registration: true }
      : {}),
  }
}

/** RFC 8414 §3.2: "Claims with zero elements MUST be omitted from the response." */
function withoutEmptyLists(document: object): object {
  return Object.fromEntries(
    Object.entries(document).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  )
}
