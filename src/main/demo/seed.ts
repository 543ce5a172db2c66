import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findAccountByIdentifier } from '../../domain/accounts/account_store.ts'
import { createAccount } from '../../domain/accounts/create_account.ts'
import { findClient } from '../../domain/clients/client_store.ts'
import { createClient } from '../../domain/clients/create_client.ts'
import { createResourceServer } from '../../domain/clients/create_resource_server.ts'
import { findResourceServer } from '../../domain/clients/resource_server_store.ts'
import { updateClient } from '../../domain/clients/update_client.ts'
import type { Parts } from '../compose.ts'

/**
 * Fixed names that scripts may rely on. Seeding again changes nothing that is there, except that the
 * application's addresses follow its port.
 */
export const DEMO_EMAIL = 'demo@example.com'
export const DEMO_API = 'https://api.example.com'

export type DemoSecrets = { password: string; clientSecret: string }

export async function seedDemo(parts: Parts, generate: () => string): Promise<DemoSecrets> {
  const secrets = keepSecrets(parts, generate)
  await seedApi(parts)
  await seedWebClient(parts)
  await seedServiceClient(parts, secrets.clientSecret)
  await seedAccount(parts, secrets.password)
  return secrets
}

/** Generated once and kept beside the data, so that a second start can tell them again. */
function keepSecrets({ config }: Parts, generate: () => string): DemoSecrets {
  const path = join(resolve(config.storage.dataDir), 'demo.json')
  const known = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as Partial<DemoSecrets>)
    : {}
  const secrets = {
    password: known.password ?? config.demo.password ?? generate(),
    clientSecret: known.clientSecret ?? config.demo.clientSecret ?? generate(),
  }
  writeFileSync(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 })
  chmodSync(path, 0o600)
  return secrets
}

async function seedApi({ db, clock }: Parts): Promise<void> {
  if (await findResourceServer(db, DEMO_API)) return
  await createResourceServer(
    { db, clock },
    {
      identifier: DEMO_API,
      name: 'Example API',
      scopes: [
        { name: 'read', description: 'See your example data' },
        { name: 'write', description: 'Change your example data' },
      ],
    },
  )
}

async function seedWebClient({ db, keyring, clock, config }: Parts): Promise<void> {
  const hosts = ['localhost', '127.0.0.1'].map((host) => `http://${host}:${config.demo.port}`)
  const addresses = {
    redirect_uris: hosts.map((origin) => `${origin}/callback`),
    post_logout_redirect_uris: hosts.map((origin) => `${origin}/`),
    client_uri: hosts[0],
  }
  const known = await findClient(db, 'demo-web')
  if (known) {
    const moved = !known.metadata.redirect_uris.includes(addresses.redirect_uris[0]!)
    if (moved) await updateClient({ db, keyring, clock }, 'demo-web', { metadata: addresses })
    return
  }
  await createClient(
    { db, keyring, clock },
    {
      clientId: 'demo-web',
      name: 'Demo application',
      preset: 'spa',
      metadata: addresses,
    },
  )
}

async function seedServiceClient(
  { db, keyring, clock }: Parts,
  clientSecret: string,
): Promise<void> {
  if (await findClient(db, 'demo-service')) return
  await createClient(
    { db, keyring, clock },
    {
      clientId: 'demo-service',
      name: 'Demo service',
      preset: 'service',
      secret: clientSecret,
      metadata: { resource_scopes: { [DEMO_API]: ['read', 'write'] }, introspection: 'any' },
    },
  )
}

async function seedAccount({ db, clock, passwords }: Parts, password: string): Promise<void> {
  const known = await findAccountByIdentifier(db, { kind: 'email', canonical: DEMO_EMAIL })
  if (known) return
  await createAccount(
    { db, clock },
    {
      email: DEMO_EMAIL,
      emailVerified: true,
      username: 'demo',
      claims: {
        name: 'Demo Person',
        given_name: 'Demo',
        family_name: 'Person',
        locale: 'en',
        zoneinfo: 'Europe/Berlin',
      },
      passwordHash: await passwords.hash(password),
    },
  )
}
