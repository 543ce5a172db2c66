import type { Config } from '../../platform/config/schema.ts'

/** What the engine says of itself and is not so here: there are no user codes at CIBA. */
const CORRECTIONS = { backchannel_user_code_parameter_supported: false }

/** What of discovery is not the engine's: it knows only what it does itself. */
export function amendDiscovery(
  document: object,
  { requestUri }: Pick<Config['protocols'], 'requestUri'>,
): object {
  const known = Object.entries(CORRECTIONS).filter(([name]) => Object.hasOwn(document, name))
  return {
    ...withoutEmptyLists(document),
    ...Object.fromEntries(known),
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
