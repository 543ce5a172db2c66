import type { Clock } from '../../../../src/core/clock.ts'
import type { RedirectResult, RedirectStart } from '../../../../src/domain/federation/connector.ts'
import {
  isOidcConnector,
  type OidcConnector,
} from '../../../../src/domain/federation/oidc/oidc_connector.ts'
import { oidcKind } from '../../../../src/domain/federation/oidc/oidc_kind.ts'
import { depart, startOf } from '../../../suites/redirect_connector.ts'
import {
  type ImitatedPerson,
  type Imitation,
  imitate,
  type ProviderImitation,
} from '../../../support/imitation_provider.ts'
import { callbackOf, connectorDeps, settingsOf } from '../support.ts'

/** A provider that does what the test says, and one connection to it. */

export const ISSUER = 'https://idp.example.test'
export const CLIENT_ID = 'authcore'
export const CLIENT_SECRET = 'a-secret-of-thirty-two-characters'
export const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`
export const JWKS = `${ISSUER}/jwks`
export const TOKEN = `${ISSUER}/token`
export const USERINFO = `${ISSUER}/userinfo`

export function scriptedProvider(more: Partial<ProviderImitation> = {}): ProviderImitation {
  return {
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    authentication: 'basic',
    authorizationEndpoint: `${ISSUER}/authorize`,
    tokenEndpoint: TOKEN,
    openid: {
      issuer: ISSUER,
      metadata: { jwks_uri: JWKS, userinfo_endpoint: USERINFO },
      idToken: (person) => ({ sub: `${person}-1` }),
    },
    ...more,
  }
}

export type Scripted = {
  idp: Imitation
  connector: OidcConnector
  /** One sign-in from the departure to the answer; `changed` may bend the answer. */
  signIn(options?: {
    who?: ImitatedPerson
    start?: Partial<RedirectStart>
    params?: (params: Record<string, string>) => Record<string, string>
    keep?: (keep: unknown) => unknown
  }): Promise<RedirectResult>
  /** The departure alone. */
  leave(start?: Partial<RedirectStart>): ReturnType<typeof depart>
}

const running: Imitation[] = []

/** To be called in `afterEach`. */
export async function stopScripted(): Promise<void> {
  await Promise.all(running.splice(0).map((idp) => idp.stop()))
}

export async function script(
  settings: Record<string, unknown> = {},
  options: {
    provider?: Partial<ProviderImitation>
    secrets?: Record<string, string>
    clock?: Clock
    idp?: Imitation
    name?: string
  } = {},
): Promise<Scripted> {
  const idp = options.idp ?? (await imitate(scriptedProvider(options.provider)))
  if (!options.idp) running.push(idp)
  const name = options.name ?? 'upstream'
  const connector = oidcKind.open(
    {
      name,
      settings: settingsOf(oidcKind, { issuer: ISSUER, client_id: CLIENT_ID, ...settings }),
      secrets: options.secrets ?? { client_secret: CLIENT_SECRET },
    },
    connectorDeps(idp.outbound, options.clock),
  )
  if (!isOidcConnector(connector)) throw new Error('no connector by OpenID Connect')
  const leave: Scripted['leave'] = (start) => depart(connector, startOf(callbackOf(name), start))
  return {
    idp,
    connector,
    leave,
    async signIn({ who = 'ada', start, params, keep } = {}) {
      const left = await leave(start)
      const brought = idp.signIn(left.departure.uri, who)
      const answer = params ? params(brought) : brought
      const input = { start: left.start, params: answer, keep: keep ? keep(left.keep) : left.keep }
      return await connector.redirect.finish(input)
    },
  }
}
