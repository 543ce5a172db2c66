import type Provider from 'oidc-provider'
import { effectiveConfiguration } from './internals.ts'

/**
 * What must hold of the engine's configuration after it has applied its own defaults, checked at
 * every start: a default that changes with an upgrade, or a slip of ours, stops the server instead
 * of weakening it.
 */

type Effective = ReturnType<typeof effectiveConfiguration>
type Stance = { name: string; holds: (configuration: Effective) => boolean }

const feature = (configuration: Effective, name: string) =>
  configuration.features[name] as { enabled?: boolean } & Record<string, unknown>

const STANCE: readonly Stance[] = [
  {
    name: 'the engine serves no pages of its own',
    holds: (c) => feature(c, 'devInteractions').enabled === false,
  },
  {
    name: 'the code flow is the only one',
    holds: (c) => JSON.stringify(c['responseTypes']) === '["code"]',
  },
  {
    name: 'PKCE is required of every client',
    holds: (c) => (c['pkce'] as { required(): boolean }).required() === true,
  },
  {
    name: 'a redirect URI is always sent',
    holds: (c) => c['allowOmittingSingleRegisteredRedirectUri'] === false,
  },
  {
    name: 'access tokens are not taken from the query',
    holds: (c) => c['acceptQueryParamAccessTokens'] === false,
  },
  { name: 'cookies are signed', holds: (c) => Boolean((c['cookies'] as { keys?: unknown }).keys) },
  {
    name: 'no client authenticates with a secret that we could read',
    holds: (c) => !(c['clientAuthMethods'] as Set<string>).has('client_secret_jwt'),
  },
  {
    name: 'nothing is signed or accepted with a shared secret or with none',
    holds: (c) =>
      Object.entries(c).every(
        ([key, value]) =>
          !/Sig.*AlgValues$/.test(key) ||
          ![...(value as Iterable<string>)].some((alg) => /^(HS|none)/.test(alg)),
      ),
  },
  {
    name: 'authorization codes live for a minute at most',
    holds: (c) => ((c['ttl'] as Record<string, unknown>)['AuthorizationCode'] as number) <= 60,
  },
  {
    name: 'a grant outlives its refresh tokens',
    holds: (c) => typeof (c['ttl'] as Record<string, unknown>)['Grant'] === 'number',
  },
  {
    name: 'what other servers answer is bounded',
    holds: (c) =>
      Object.values(c['fetchResponseBodyLimits'] as Record<string, number>).every((limit) =>
        Number.isFinite(limit),
      ),
  },
  {
    name: 'grant types are known ones',
    holds: (c) => !(c['grantTypes'] as Set<string>).has('implicit'),
  },
  {
    name: 'dynamic registration is off',
    holds: (c) => feature(c, 'registration').enabled === false,
  },
]

/** @throws Error naming everything that does not hold */
export function assertSecurityStance(provider: Provider): void {
  const broken = brokenStances(effectiveConfiguration(provider))
  if (broken.length > 0) {
    throw new Error(`the provider's configuration breaks the security stance: ${broken.join('; ')}`)
  }
}

export function brokenStances(configuration: Effective): string[] {
  return STANCE.filter(({ holds }) => {
    try {
      return !holds(configuration)
    } catch {
      // A setting that is not of the kind we write is not what we wrote.
      return true
    }
  }).map(({ name }) => name)
}
