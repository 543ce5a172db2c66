import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { plainEnvironment, ROOT } from '../support/server_process.ts'
import type { ProviderDescription } from './provider.ts'

/** AuthCore as one of the providers: seeded by its own commands, as an operator would. */

const PASSWORD = 'correct horse battery staple'
/** Of that, with argon2id at m=19456 t=2 p=1: what OWASP asks for at least, and what we come with. */
const HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$kMFmeXIOYAPveAQLe4o2ag$HD3U6wSeLxaT8vIPg1QWlBl/JWXurMGIlqkCfLdJSTo'
const REDIRECT_URI = 'https://rp.example.test/callback'
const RESOURCES = {
  ES256: 'https://es256.example.test',
  RS256: 'https://rs256.example.test',
  opaque: 'https://opaque.example.test',
} as const
const SCOPE = 'read'

/** What the server runs with; everything else is as it comes: audit, limits, events, access log. */
export const ENVIRONMENT = {
  AUTHCORE_TRUSTED_PROXIES: '127.0.0.0/8,::1/128',
  AUTHCORE_LOG_PRETTY: 'false',
}

type Seeded = Pick<ProviderDescription, 'web' | 'service' | 'resources' | 'scope' | 'people'>

export async function seedAuthcore({
  folder,
  databaseUrl,
  people,
}: {
  folder: string
  databaseUrl: string
  people: number
}): Promise<Seeded> {
  const env = { ...plainEnvironment(), DATABASE_URL: databaseUrl, AUTHCORE_DATA_DIR: folder }
  const authcore = async (...args: string[]) => {
    const command = ['bin/authcore.mjs', ...args]
    const options = { cwd: ROOT, env, maxBuffer: 64 * 2 ** 20 }
    return (await promisify(execFile)(process.execPath, command, options)).stdout
  }
  await authcore('migrate', 'up')
  for (const [format, identifier] of Object.entries(RESOURCES)) {
    const how = format === 'opaque' ? ['--format', 'opaque'] : ['--alg', format]
    const what = ['--identifier', identifier, '--name', format, '--scope', `${SCOPE}=Read`]
    await authcore('resource-server', 'create', ...what, ...how)
  }
  const secretOf = (json: string) => (JSON.parse(json) as { client_secret: string }).client_secret
  const web = ['--preset', 'web', '--id', 'bench-web', '--name', 'Web']
  const refreshing = ['--grant', 'authorization_code', '--grant', 'refresh_token']
  const service = ['--preset', 'service', '--id', 'bench-service', '--name', 'Service']
  const apis = Object.values(RESOURCES).flatMap((api) => ['--resource', `${api}=${SCOPE}`])
  const webSecret = secretOf(
    await authcore(
      'client',
      'create',
      ...web,
      ...refreshing,
      '--redirect-uri',
      REDIRECT_URI,
      '--json',
    ),
  )
  const serviceSecret = secretOf(await authcore('client', 'create', ...service, ...apis, '--json'))
  await importPeople(authcore, path.join(folder, 'people.jsonl'), people)
  return {
    web: { id: 'bench-web', secret: webSecret, redirectUri: REDIRECT_URI },
    service: { id: 'bench-service', secret: serviceSecret },
    resources: RESOURCES,
    scope: SCOPE,
    people: { login: 'person{n}@example.test', password: PASSWORD, count: people, hashed: true },
  }
}

/** All with the same hash: to make one takes as long as to check one. */
async function importPeople(
  authcore: (...args: string[]) => Promise<string>,
  file: string,
  count: number,
): Promise<void> {
  const password = { hash: HASH }
  const line = (_: unknown, n: number) =>
    JSON.stringify({ email: `person${n}@example.test`, email_verified: true, password })
  await writeFile(file, Array.from({ length: count }, line).join('\n'))
  await authcore('user', 'import', file)
}
