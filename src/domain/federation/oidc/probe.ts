import * as oidc from 'openid-client'
import { randomToken } from '../../../core/secrets.ts'
import type { Connector } from '../connector.ts'
import { outcomeOfError } from './outcome_of_error.ts'
import type { Provider } from './provider.ts'

export type ProbeRequest = {
  callbackUri: string
  /** Whether a code_verifier is sent along. */
  pkce: boolean
}

/**
 * Whether a provider answers and knows us. It is asked to exchange a code that it never gave: "the code
 * is wrong" is the answer of a token endpoint that has let us in.
 */
export async function probeProvider(
  provider: Provider,
  request: ProbeRequest,
): ReturnType<Connector['probe']> {
  try {
    const { configuration, keys } = await provider.discovered()
    await assertKeys(keys)
    await tryCredentials(configuration, request)
    return { ok: true, detail: 'the provider answers and takes our credentials' }
  } catch (error) {
    const failure = outcomeOfError(error)
    return { ok: false, reason: failure.kind === 'unavailable' ? failure.reason : failure.detail }
  }
}

type Keys = Awaited<ReturnType<Provider['discovered']>>['keys']

/** Fetches the key set. That it has no key for this header is no matter. */
async function assertKeys(keys: Keys): Promise<void> {
  const header = { alg: 'RS256', kid: 'probe' }
  const isFetched = (error: { code?: string }) =>
    error.code === 'ERR_JWKS_NO_MATCHING_KEY' || error.code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS'
  try {
    await keys(header, { payload: '', signature: '' })
  } catch (error) {
    if (!isFetched(error as { code?: string })) throw error
  }
}

/** RFC 6749 §5.2: who the client is comes before what it asks. */
export async function tryCredentials(
  configuration: oidc.Configuration,
  { callbackUri, pkce }: ProbeRequest,
): Promise<void> {
  const parameters = {
    code: randomToken(),
    redirect_uri: callbackUri,
    ...(pkce ? { code_verifier: randomToken() } : {}),
  }
  try {
    await oidc.genericGrantRequest(configuration, 'authorization_code', parameters)
  } catch (error) {
    const failure = outcomeOfError(error)
    if (failure.kind === 'unavailable') throw error
  }
}
