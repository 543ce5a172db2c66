import type Provider from 'oidc-provider'
import {
  CONTENT_ENCRYPTION_ALGS,
  KEY_ENCRYPTION_ALGS,
} from '../../domain/clients/client_metadata.ts'
import type { Config } from '../../platform/config/schema.ts'
import { effectiveConfiguration } from './internals.ts'

/**
 * What must hold of the engine's configuration after it has applied its own defaults, checked at
 * every start: a default that changes with an upgrade, or a slip of ours, stops the server instead
 * of weakening it.
 */

type Effective = ReturnType<typeof effectiveConfiguration>
type Stance = {
  name: string
  holds: (configuration: Effective, protocols: Protocols) => boolean
}
/** What the deployment has switched on against our advice. */
type Protocols = Pick<Config['protocols'], 'legacyClients' | 'mutualTls'>

/** Any client but those of the preset `legacy`. */
const MODERN_CLIENTS = [
  { preset: null, clientAuthMethod: 'none' },
  { preset: 'web', clientAuthMethod: 'client_secret_basic' },
]

const ENCRYPTION: readonly string[] = [...KEY_ENCRYPTION_ALGS, ...CONTENT_ENCRYPTION_ALGS]

const feature = (configuration: Effective, name: string) =>
  configuration.features[name] as { enabled?: boolean } & Record<string, unknown>

const STANCE: readonly Stance[] = [
  {
    name: 'the engine serves no pages of its own',
    holds: (c) => feature(c, 'devInteractions').enabled === false,
  },
  {
    name: 'the code flow is the only one',
    holds: (c, { legacyClients }) =>
      legacyClients || JSON.stringify(c['responseTypes']) === '["code"]',
  },
  {
    name: 'PKCE is required of every client',
    holds: (c) => {
      const { required } = c['pkce'] as { required(ctx: unknown, client: unknown): boolean }
      return MODERN_CLIENTS.every((client) => required({}, client) === true)
    },
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
    name: 'nothing is encrypted with an old algorithm, and nothing encrypted is taken',
    holds: (c) =>
      Object.entries(c).every(([key, value]) => {
        if (!/Encryption(Alg|Enc)Values$/.test(key)) return true
        const allowed = key.startsWith('requestObject') ? [] : ENCRYPTION
        return [...(value as Iterable<string>)].every((alg) => allowed.includes(alg))
      }),
  },
  {
    name: 'authorization codes live for a minute at most',
    holds: (c) => {
      const { AuthorizationCode: ttl } = c['ttl'] as { AuthorizationCode: unknown }
      return MODERN_CLIENTS.every(
        (client) => (typeof ttl === 'function' ? ttl({}, {}, client) : ttl) <= 60,
      )
    },
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
    name: 'the implicit grant is gone',
    holds: (c, { legacyClients }) =>
      legacyClients || !(c['grantTypes'] as Set<string>).has('implicit'),
  },
  {
    name: 'client certificates count where the deployment says so, and bind tokens then',
    holds: (c, { mutualTls }) => {
      const { enabled, certificateBoundAccessTokens } = feature(c, 'mTLS')
      return mutualTls === 'off'
        ? enabled !== true
        : Boolean(enabled && certificateBoundAccessTokens)
    },
  },
  {
    // Both are ours, where a deployment wants them: the engine's keep to rules of their own.
    name: 'the engine neither registers nor fetches a client',
    holds: (c) =>
      feature(c, 'registration').enabled === false &&
      feature(c, 'clientIdMetadataDocument').enabled === false,
  },
]

/** @throws Error naming everything that does not hold */
export function assertSecurityStance(provider: Provider, protocols: Protocols): void {
  const broken = brokenStances(effectiveConfiguration(provider), protocols)
  if (broken.length > 0) {
    throw new Error(`the provider's configuration breaks the security stance: ${broken.join('; ')}`)
  }
}

export function brokenStances(configuration: Effective, protocols: Protocols): string[] {
  return STANCE.filter(({ holds }) => {
    try {
      return !holds(configuration, protocols)
    } catch {
      // A setting that is not of the kind we write is not what we wrote.
      return true
    }
  }).map(({ name }) => name)
}
