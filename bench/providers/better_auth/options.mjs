import { oauthProvider } from '@better-auth/oauth-provider'
import { jwt } from 'better-auth/plugins'
import pg from 'pg'
import { createPasswordHasher } from '../../../src/domain/credentials/password/password_hash.ts'
import provider from '../better_auth.json' with { type: 'json' }

/**
 * As it comes, except for: ES256 and RS256 where it would sign with EdDSA; passwords hashed by our
 * own code, so that the hash costs the same; limits that count but are never reached; clients that
 * have the identifiers and secrets of the description. No types: its packages are installed only
 * where it is measured.
 */

export const database = new pg.Pool({ connectionString: process.env.DATABASE_URL })
export const passwords = createPasswordHasher({ memoryKib: 19_456, passes: 2, parallelism: 1 })

const clients = [provider.web, provider.service]
const ids = clients.map(({ id }) => id)
const secrets = clients.map(({ secret }) => secret)
const unreached = (window) => ({ window, max: 1e9 })

export const options = {
  baseURL: `http://localhost:${process.env.PORT}`,
  secret: 'a secret of the measurement, long enough for it',
  database,
  emailAndPassword: {
    enabled: true,
    password: {
      hash: async (password) => await passwords.hash(password),
      verify: async ({ hash, password }) => await passwords.verify(hash, password),
    },
  },
  rateLimit: {
    enabled: true,
    ...unreached(10),
    customRules: { '/sign-in/*': unreached(10), '/sign-up/*': unreached(10) },
  },
  telemetry: { enabled: false },
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: 'ES256' }, keyPairConfigs: [{ alg: 'RS256' }] } }),
    oauthProvider({
      scopes: ['openid', 'profile', 'email', 'offline_access', 'read'],
      loginPage: '/login',
      consentPage: '/consent',
      resources: ['ES256', 'RS256'].map((alg) => ({
        identifier: provider.resources[alg],
        signingAlgorithm: alg,
      })),
      clientPrivileges: () => true,
      generateClientId: () => ids.shift(),
      generateClientSecret: () => secrets.shift(),
      rateLimit: {
        token: unreached(60),
        authorize: unreached(60),
        introspect: unreached(60),
        userinfo: unreached(60),
      },
    }),
  ],
}
