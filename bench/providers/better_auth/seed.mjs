import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import provider from '../better_auth.json' with { type: 'json' }
import { database, options, passwords } from './options.mjs'

/** Its own tables and clients by its own functions; people by SQL, all of them with the same hash. */

const { web, service, resources, people, scope } = provider

await (await getMigrations(options)).runMigrations()
const auth = betterAuth(options)

const owner = { name: 'Owner', email: 'owner@example.test', password: people.password }
const signedUp = await auth.api.signUpEmail({ body: owner, returnHeaders: true })
const cookie = signedUp.headers
  .getSetCookie()
  .map((line) => line.split(';')[0])
  .join('; ')
const headers = new Headers({ cookie })
await auth.api.adminCreateOAuthClient({
  headers,
  body: {
    client_name: 'Web',
    redirect_uris: [web.redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email offline_access',
  },
})
await auth.api.adminCreateOAuthClient({
  headers,
  body: {
    client_name: 'Service',
    grant_types: ['client_credentials'],
    response_types: [],
    scope,
    client_credentials_scopes: [scope],
  },
})
for (const identifier of [resources.ES256, resources.RS256]) {
  const params = { identifier, client_id: service.id }
  await auth.api.adminLinkClientResource({ headers, params })
}

await database.query(
  `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
   SELECT 'person' || n, 'Person ' || n, replace($1, '{n}', n::text), true, now(), now()
   FROM generate_series(0, $2 - 1) AS n`,
  [people.login, people.count],
)
await database.query(
  `INSERT INTO account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")
   SELECT 'account' || n, 'person' || n, 'credential', 'person' || n, $1, now(), now()
   FROM generate_series(0, $2 - 1) AS n`,
  [await passwords.hash(people.password), people.count],
)
await database.query('VACUUM ANALYZE')
await database.end()
