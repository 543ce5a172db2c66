import * as oidc from 'openid-client'
import { z } from 'zod'
import { randomToken } from '../../../core/secrets.ts'
import { parsedJson, withoutUndefined } from '../../../core/unknown.ts'
import type {
  Connector,
  ConnectorDeps,
  ConnectorKind,
  RedirectConnector,
  RedirectResult,
  RedirectStart,
  UpstreamPerson,
} from '../connector.ts'
import { answerUrl, callbackUriOf, challenge } from '../oidc/authorization_request.ts'
import { authorizationParameters, scopeToken } from '../oidc/oidc_settings.ts'
import { outcomeOfError, refused } from '../oidc/outcome_of_error.ts'
import { boundedRaw, textClaim } from '../oidc/person.ts'
import { tryCredentials } from '../oidc/probe.ts'
import { ProviderFault } from '../oidc/provider.ts'
import {
  createProviderFetch,
  type ProviderFetch,
  type TokenErrorReader,
} from '../oidc/provider_fetch.ts'
import { refreshPlainTokens, tokensOf } from '../oidc/upstream_tokens.ts'

/**
 * Providers without ID token: an access token is exchanged, and the provider's own API asked whom it
 * is for. That the token was given to us, and not to somebody who passes it on, holds because it comes
 * from the token endpoint with our credentials. Such a provider says neither when nor how somebody
 * signed in, so a request that wants to know is not met.
 */

const oauth2Settings = {
  client_id: z.string().min(1).max(500),
  scopes: z.array(scopeToken).optional(),
  authorization_parameters: authorizationParameters,
  keep_tokens: z.boolean().default(false),
}

type Common = z.output<z.ZodObject<typeof oauth2Settings>>
type Secrets = Readonly<Record<string, string>>

/** What the API told of a person; `raw` and what is left out are filled in. */
export type ToldPerson = Omit<UpstreamPerson, 'subject' | 'groups' | 'raw'> & {
  /** Undefined, and the sign-in is refused, where the API named nobody. */
  subject: string | undefined
  raw: Readonly<Record<string, unknown>>
}

/** A GET with the person's access token. @throws ProviderFault where the answer is not 200 and JSON */
export type ProviderApi = (url: string) => Promise<unknown>

export type OAuth2Preset<Own extends z.ZodRawShape> = {
  title: string
  trustsEmail: boolean
  scopes: readonly string[]
  /** False where the provider does not document it. */
  pkce: boolean
  settings: Own
  endpoints(settings: Common & z.output<z.ZodObject<Own>>): OAuth2Endpoints
  authenticate(settings: Common, secrets: Secrets): oidc.ClientAuth
  tokenError?: TokenErrorReader
  tell(
    api: ProviderApi,
    context: {
      settings: Common & z.output<z.ZodObject<Own>>
      secrets: Secrets
      accessToken: string
    },
  ): Promise<ToldPerson>
}

export type OAuth2Endpoints = {
  /** What `iss` of an answer has to be, where it carries one (RFC 9207). */
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
}

const keptSchema = z.strictObject({ connection: z.string(), codeVerifier: z.string() })

type Kept = z.output<typeof keptSchema>
type Finishing = Parameters<RedirectConnector['finish']>[0]

export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}

function providerApi(fetch: ProviderFetch, accessToken: string): ProviderApi {
  return async (url) => {
    const headers = { authorization: `Bearer ${accessToken}`, accept: 'application/json' }
    const response = await fetch(url, { headers })
    const { origin, pathname } = new URL(url)
    if (response.status !== 200) {
      throw new ProviderFault(`${origin}${pathname} answered ${response.status}`)
    }
    const document = parsedJson(await response.text())
    if (document === undefined) throw new ProviderFault(`${origin}${pathname} answered no JSON`)
    return document
  }
}

/** Nothing of these providers can show it, so it is said before the code is used. */
function unmet({ forceAuthn, maxAgeS, acrValues }: RedirectStart): string | undefined {
  if (forceAuthn || maxAgeS !== undefined) return 'the provider does not say when the sign-in was'
  if (acrValues.length > 0) return 'the provider does not say how the sign-in was'
  return undefined
}

export function oauth2Preset<Own extends z.ZodRawShape>(
  preset: OAuth2Preset<Own>,
): ConnectorKind<Common & z.output<z.ZodObject<Own>>> {
  type Settings = Common & z.output<z.ZodObject<Own>>
  return {
    title: preset.title,
    signsInBy: 'redirect',
    settings: z.strictObject({ ...oauth2Settings, ...preset.settings }) as z.ZodType<Settings>,
    secrets: { client_secret: 'required' },
    trustsEmail: preset.trustsEmail,
    open: (input, deps) => createOAuth2Connector(preset, input, deps),
  }
}

function configure(
  endpoints: OAuth2Endpoints,
  clientId: string,
  authentication: oidc.ClientAuth,
  fetch: ProviderFetch,
): oidc.Configuration {
  const configuration = new oidc.Configuration(
    {
      issuer: endpoints.issuer,
      authorization_endpoint: endpoints.authorizationEndpoint,
      token_endpoint: endpoints.tokenEndpoint,
    },
    clientId,
    undefined,
    authentication,
  )
  configuration[oidc.customFetch] = fetch as oidc.CustomFetch
  return configuration
}

type Opened<Own extends z.ZodRawShape> = {
  preset: OAuth2Preset<Own>
  name: string
  settings: Common & z.output<z.ZodObject<Own>>
  secrets: Secrets
  configuration: oidc.Configuration
  fetch: ProviderFetch
  deps: ConnectorDeps
}

async function begin<Own extends z.ZodRawShape>(
  { preset, name, settings, configuration }: Opened<Own>,
  start: RedirectStart,
): ReturnType<RedirectConnector['begin']> {
  const keep: Kept = { connection: name, codeVerifier: randomToken() }
  const uri = oidc.buildAuthorizationUrl(configuration, {
    ...settings.authorization_parameters,
    redirect_uri: start.callbackUri,
    scope: (settings.scopes ?? preset.scopes).join(' '),
    state: start.state,
    ...(preset.pkce ? await challenge(keep.codeVerifier) : {}),
  }).href
  return { kind: 'departs', departure: { method: 'GET', uri }, keep }
}

/** @throws what `outcomeOfError` reads */
async function finishSignIn<Own extends z.ZodRawShape>(
  { preset, settings, secrets, configuration, fetch, deps }: Opened<Own>,
  { start, params }: Finishing,
  { codeVerifier }: Kept,
): Promise<RedirectResult> {
  const tokens = await oidc.authorizationCodeGrant(configuration, answerUrl(start, params), {
    expectedState: start.state,
    ...(preset.pkce ? { pkceCodeVerifier: codeVerifier } : {}),
  })
  const accessToken = tokens.access_token
  const api = providerApi(fetch, accessToken)
  const { subject, raw, ...told } = await preset.tell(api, { settings, secrets, accessToken })
  if (subject === undefined) return refused('invalid', 'the provider names no subject')
  return {
    kind: 'proven',
    person: { subject, ...told, groups: [], raw: boundedRaw(raw) },
    authentication: {
      amr: [],
      tokens: settings.keep_tokens ? tokensOf(tokens, deps.clock) : undefined,
    },
  }
}

async function finish<Own extends z.ZodRawShape>(
  opened: Opened<Own>,
  finishing: Finishing,
): Promise<RedirectResult> {
  const kept = keptSchema.safeParse(finishing.keep)
  if (!kept.success || kept.data.connection !== opened.name) {
    return refused('invalid', 'the answer belongs to no request of this connection')
  }
  const weakness = unmet(finishing.start)
  if (weakness) return refused('too_weak', weakness)
  try {
    return await finishSignIn(opened, finishing, kept.data)
  } catch (error) {
    return outcomeOfError(error)
  }
}

async function probe<Own extends z.ZodRawShape>({
  preset,
  name,
  configuration,
  deps,
}: Opened<Own>): ReturnType<Connector['probe']> {
  try {
    const callbackUri = callbackUriOf(deps.issuer, name)
    await tryCredentials(configuration, { callbackUri, pkce: preset.pkce })
    return { ok: true, detail: 'the provider answers and takes our credentials' }
  } catch (error) {
    const failure = outcomeOfError(error)
    return { ok: false, reason: failure.kind === 'unavailable' ? failure.reason : failure.detail }
  }
}

function createOAuth2Connector<Own extends z.ZodRawShape>(
  preset: OAuth2Preset<Own>,
  input: Pick<Opened<Own>, 'name' | 'settings' | 'secrets'>,
  deps: ConnectorDeps,
): Connector {
  const { settings, secrets } = input
  const fetch = createProviderFetch(deps, preset.tokenError)
  const authentication = preset.authenticate(settings, secrets)
  const endpoints = preset.endpoints(settings)
  const configuration = configure(endpoints, settings.client_id, authentication, fetch)
  const opened = { ...input, preset, configuration, fetch, deps }
  return {
    redirect: {
      begin: (start) => begin(opened, start),
      finish: (finishing) => finish(opened, finishing),
    },
    refreshTokens: ({ refreshToken }) =>
      refreshPlainTokens(configuration, refreshToken, deps.clock),
    probe: () => probe(opened),
    async close() {
      // Nothing is held open: the HTTP client belongs to the process.
    },
  }
}

/** Standard claims out of what may be missing, or something else than a text. */
export function textClaims(claims: Record<string, unknown>): Record<string, unknown> {
  return withoutUndefined(
    Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [name, textClaim(name, value)]),
    ),
  )
}
