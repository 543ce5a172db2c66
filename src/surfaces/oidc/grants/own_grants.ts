import type Provider from 'oidc-provider'
import type { Clock } from '../../../core/clock.ts'
import { JWT_BEARER_GRANT, TOKEN_EXCHANGE_GRANT } from '../../../domain/clients/client_metadata.ts'
import type { Config } from '../../../platform/config/schema.ts'
import { createAssertionVerifier } from './assertion.ts'
import type { ConnectionTokenDeps } from './connection_token.ts'
import { createJwtBearer, JWT_BEARER_PARAMETERS } from './jwt_bearer.ts'
import { createTokenExchange, EXCHANGE_PARAMETERS } from './token_exchange.ts'

/** The grants that the engine does not have. Each gets what `token_requests.ts` gives to all. */

type Deps = ConnectionTokenDeps & {
  config: Config
  clock: Clock
  fetch: (url: string | URL, options?: RequestInit) => Promise<Response>
}

/** Before the handlers are wrapped. */
export function registerOwnGrants(provider: Provider, deps: Deps): void {
  const { protocols, server, tokens } = deps.config
  if (protocols.tokenExchange) {
    const handler = createTokenExchange(provider, deps)
    // RFC 8693 §2.1: these two may be given more than once.
    const repeatable = ['audience', 'resource']
    register(provider, TOKEN_EXCHANGE_GRANT, handler, EXCHANGE_PARAMETERS, repeatable)
  }
  if (protocols.jwtBearer) {
    const { clockToleranceS } = tokens
    const verifyAssertion = createAssertionVerifier({
      ...deps,
      issuer: server.issuer,
      clockToleranceS,
    })
    const handler = createJwtBearer(provider, { ...deps, verifyAssertion })
    register(provider, JWT_BEARER_GRANT, handler, JWT_BEARER_PARAMETERS, ['resource'])
  }
}

function register(
  provider: Provider,
  grantType: string,
  handler: ReturnType<typeof createTokenExchange>,
  parameters: readonly string[],
  repeatable: readonly string[],
): void {
  provider.registerGrantType(grantType, handler as never, parameters, repeatable)
}
