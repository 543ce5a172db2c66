import http from 'node:http'
import Keygrip from 'keygrip'
import { sha256 } from '../../src/core/secrets.ts'
import type { Config } from '../../src/platform/config/schema.ts'
import { ask } from './ask.ts'
import { type Person, REDIRECT_URI } from './populate.ts'

/** What clients and browsers ask a server, with tokens and sessions that were put there by COPY. */

type Client = { clientId: string; secret: string }
export type Callers = { service: Client; guard: Client; api: string }
export type Operation = (person: Person) => Promise<void>

const VERIFIER = sha256('a verifier').toString('base64url')
const CHALLENGE = sha256(VERIFIER).toString('base64url')

export function hotOperations(
  issuer: string,
  cookieKeys: Config['security']['cookieKeys'],
  { service, guard, api }: Callers,
): Record<string, Operation> {
  const agent = new http.Agent({ keepAlive: true })
  const keys = new Keygrip(
    cookieKeys.map((key) => key.toString('base64url')),
    'sha256',
  )
  /** A refresh token is good once: the next one is the answer to the last. */
  const current = new Map<string, string>()
  const post = async (path: string, client: Client, fields: Record<string, string>) => {
    const reply = await ask(agent, `${issuer}${path}`, {
      method: 'POST',
      headers: {
        authorization: basic(client),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(fields).toString(),
    })
    if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.body}`)
    return JSON.parse(reply.body) as Record<string, unknown>
  }
  return {
    'client credentials, opaque': async () => {
      await post('/token', service, { grant_type: 'client_credentials', resource: api })
    },
    introspection: async ({ accessToken }) => {
      const { active } = await post('/introspect', guard, { token: accessToken })
      if (active !== true) throw new Error('the token is not active')
    },
    'refresh with rotation': async ({ accountId, client, refreshToken }) => {
      const token = current.get(accountId) ?? refreshToken
      const fields = { grant_type: 'refresh_token', refresh_token: token }
      current.set(accountId, String((await post('/token', client, fields))['refresh_token']))
    },
    'SSO authorize + exchange': async ({ session, client }) => {
      const url = new URL('/authorize', issuer)
      url.search = new URLSearchParams({
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: 'openid profile email',
        code_challenge: CHALLENGE,
        code_challenge_method: 'S256',
        prompt: 'none',
      }).toString()
      const reply = await ask(agent, url.href, { headers: { cookie: cookies(keys, session) } })
      const code = new URL(reply.headers.location ?? issuer).searchParams.get('code')
      if (!code) throw new Error(`no code: ${reply.status} ${reply.headers.location} ${reply.body}`)
      await post('/token', client, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: REDIRECT_URI,
        code_verifier: VERIFIER,
      })
    },
  }
}

const basic = ({ clientId, secret }: Client) =>
  `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`).toString('base64')}`

/** As the engine's own cookies are: the value, and a signature of both. */
function cookies(keys: Keygrip, session: string): string {
  const cookie = `authcore_session=${session}`
  return `${cookie}; authcore_session.sig=${keys.sign(cookie)}`
}
