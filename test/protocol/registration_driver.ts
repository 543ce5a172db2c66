import { expect } from 'chai'
import { createRegistrationToken } from '../../src/domain/clients/registration/registration_token.ts'
import { type AuthCore, CALLBACK } from '../support/authcore.ts'
import { browser, type Reply, type SendOptions } from '../support/http.ts'
import { fromSomewhere } from './driver.ts'

/** What clients that register themselves say to `/register`. */

export type Registration = Record<string, unknown> & {
  client_id: string
  client_secret?: string
  client_name: string
  preset: string
  registration_access_token: string
  registration_client_uri: string
  redirect_uris: string[]
  grant_types: string[]
  response_types: string[]
  token_endpoint_auth_method: string
}

type Metadata = Record<string, unknown>

function bearer(token: string | undefined) {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

export function askToRegister(
  { issuer }: AuthCore,
  metadata: unknown,
  { token, ...options }: SendOptions & { token?: string } = {},
): Promise<Reply> {
  return browser().request('POST', `${issuer}/register`, {
    json: metadata,
    ...options,
    headers: {
      accept: 'application/json',
      ...fromSomewhere(),
      ...bearer(token),
      ...options.headers,
    },
  })
}

export async function register(
  server: AuthCore,
  metadata: Metadata = {},
  options: Parameters<typeof askToRegister>[2] = {},
): Promise<Registration> {
  const reply = await askToRegister(server, { redirect_uris: [CALLBACK], ...metadata }, options)
  expect(reply.status, reply.body).to.equal(201)
  expect(reply.headers['cache-control']).to.match(/no-store/)
  return reply.json()
}

export function manage(
  method: 'GET' | 'PUT' | 'DELETE',
  { registration_client_uri: uri, registration_access_token: token }: Registration,
  options: SendOptions & { token?: string | undefined } = {},
): Promise<Reply> {
  const shown = 'token' in options ? options.token : token
  const { token: _, ...rest } = options
  return browser().request(method, uri, {
    ...rest,
    headers: { accept: 'application/json', ...fromSomewhere(), ...bearer(shown), ...rest.headers },
  })
}

export async function initialToken(
  { parts }: AuthCore,
  input: Partial<Parameters<typeof createRegistrationToken>[1]> = {},
): Promise<string> {
  const { token } = await createRegistrationToken(parts, { uses: 1, lifeS: 3_600, ...input })
  return token
}

/** RFC 7591 §3.2.2: 400, JSON, the word, and a sentence that names the member. */
export function expectRefused(reply: Reply, error: string, named?: RegExp, status = 400): void {
  expect(reply.status, reply.body).to.equal(status)
  expect(reply.headers['content-type']).to.match(/^application\/json/)
  expect(reply.headers['cache-control']).to.match(/no-store/)
  const body = reply.json<{ error: string; error_description: string }>()
  expect(body.error, reply.body).to.equal(error)
  if (named) expect(body.error_description).to.match(named)
  expect(reply.body).not.to.match(/node_modules|SELECT|\.ts:|\.js:/)
}
