import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import * as jose from 'jose'
import Provider, { type Configuration } from 'oidc-provider'

/**
 * `oidc-provider` with its own development pages, two clients and three APIs; what it keeps, it keeps
 * in memory unless an adapter is given. The same algorithms as ours: ES256 first, argon2 nowhere.
 */

const { PORT } = process.env
const RESOURCES: Record<string, 'ES256' | 'RS256' | 'opaque'> = {
  'https://es256.example.test': 'ES256',
  'https://rs256.example.test': 'RS256',
  'https://opaque.example.test': 'opaque',
}

const CONFIGURATION: Configuration = {
  clients: [
    {
      client_id: 'web',
      client_secret: 'a-secret-of-the-measured-web-client',
      redirect_uris: ['https://rp.example.test/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      id_token_signed_response_alg: 'ES256',
    },
    {
      client_id: 'service',
      client_secret: 'a-secret-of-the-measured-service',
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
    },
  ],
  cookies: { keys: ['a key of the measurement'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_ctx, identifier) {
        const format = RESOURCES[identifier]
        if (!format) throw new Error('no such resource')
        return format === 'opaque'
          ? { scope: 'read', accessTokenFormat: 'opaque' }
          : { scope: 'read', accessTokenFormat: 'jwt', jwt: { sign: { alg: format } } }
      },
    },
  },
}

/** Serves at PORT. */
export async function serveEngine(more: Configuration = {}): Promise<void> {
  const keys = await Promise.all(['ES256', 'RS256'].map(privateJwk))
  const provider = new Provider(`http://localhost:${PORT}`, {
    ...CONFIGURATION,
    jwks: { keys } as never,
    ...more,
  })
  provider.proxy = true
  const handle = provider.callback()
  const server = createServer((request, response) => void handle(request, response))
  server.listen(Number(PORT), 'localhost')
}

async function privateJwk(alg: string): Promise<jose.JWK> {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true })
  return { ...(await jose.exportJWK(privateKey)), alg, use: 'sig', kid: randomUUID() }
}
