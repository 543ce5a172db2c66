import { createHash, randomBytes } from 'node:crypto'
import * as jose from 'jose'
import { Pool } from 'undici'
import type { ProviderDescription } from './provider.ts'
import { goThroughPages, Visitor } from './visitor.ts'

/**
 * What is measured, one by one. `prepare` does what is not measured (signs in, gets tokens) and
 * returns the operation itself, which `lane` of `concurrency` many repeats. An answer that is not the
 * right one is an error of the run.
 */

export type Stage = {
  provider: ProviderDescription
  metadata: Metadata
  pool: Pool
  keys: ReturnType<typeof jose.createLocalJWKSet>
  /** A person nobody was before, by number. */
  nextPerson(): number
}
type Metadata = {
  issuer: string
  authorization_endpoint: string
  token_endpoint: string
  jwks_uri: string
  introspection_endpoint?: string
  userinfo_endpoint?: string
  pushed_authorization_request_endpoint?: string
}
export type Lane = () => Promise<void>
export type Operation = { title: string; prepare(stage: Stage, lane: number): Promise<Lane> }

type Tokens = { access_token: string; refresh_token?: string; id_token?: string }

export async function openStage(
  provider: ProviderDescription,
  { connections, firstPerson }: { connections: number; firstPerson: number },
): Promise<Stage> {
  const url = `${provider.issuer}/.well-known/openid-configuration`
  const metadata = (await (await fetch(url)).json()) as Metadata
  const keys = (await (await fetch(metadata.jwks_uri)).json()) as jose.JSONWebKeySet
  let person = firstPerson
  return {
    provider,
    metadata,
    pool: new Pool(new URL(provider.issuer).origin, { connections }),
    keys: jose.createLocalJWKSet(keys),
    nextPerson: () => person++ % provider.people.count,
  }
}

export const OPERATIONS: Record<string, Operation> = {
  discovery: {
    title: 'discovery',
    prepare: async ({ pool, provider }) =>
      getting(
        pool,
        `${new URL(provider.issuer).pathname.replace(/\/$/, '')}/.well-known/openid-configuration`,
      ),
  },
  jwks: {
    title: 'jwks',
    prepare: async ({ pool, metadata }) => getting(pool, new URL(metadata.jwks_uri).pathname),
  },
  cc_es256: { title: 'client_credentials, JWT ES256', prepare: clientCredentials('ES256') },
  cc_rs256: { title: 'client_credentials, JWT RS256', prepare: clientCredentials('RS256') },
  cc_opaque: { title: 'client_credentials, opaque', prepare: clientCredentials('opaque') },
  introspection: {
    title: 'introspection',
    async prepare(stage) {
      const { access_token: token } = await askForOwnToken(stage, 'opaque')
      const ask = posting(stage, stage.metadata.introspection_endpoint!, stage.provider.service)
      return async () => {
        const { active } = (await ask({ token, token_type_hint: 'access_token' })) as {
          active?: unknown
        }
        if (active !== true) throw new Error('the token is not active')
      }
    },
  },
  userinfo: {
    title: 'UserInfo',
    async prepare(stage) {
      const { access_token } = (await signInAnew(stage)).tokens
      const headers = { authorization: `Bearer ${access_token}` }
      return getting(stage.pool, new URL(stage.metadata.userinfo_endpoint!).pathname, headers)
    },
  },
  refresh: {
    title: 'refresh with rotation, ID token',
    async prepare(stage) {
      let { refresh_token } = (await signInAnew(stage, OFFLINE)).tokens
      const ask = posting(stage, stage.metadata.token_endpoint, stage.provider.web)
      return async () => {
        const fields = { grant_type: 'refresh_token', refresh_token: refresh_token! }
        const tokens = (await ask(fields)) as Tokens
        if (!tokens.id_token || tokens.refresh_token === refresh_token) {
          throw new Error('no ID token, or the refresh token was not rotated')
        }
        refresh_token = tokens.refresh_token
      }
    },
  },
  par: {
    title: 'pushed authorization request',
    async prepare(stage) {
      const url = stage.metadata.pushed_authorization_request_endpoint!
      const ask = posting(stage, url, stage.provider.web, 201)
      return async () => {
        const { parameters } = await authorization(stage)
        const { request_uri } = (await ask(Object.fromEntries(parameters))) as {
          request_uri?: string
        }
        if (!request_uri) throw new Error('no request_uri')
      }
    },
  },
  dpop: {
    title: 'client_credentials with DPoP, JWT ES256',
    async prepare(stage) {
      const url = stage.metadata.token_endpoint
      const { privateKey, publicKey } = await jose.generateKeyPair('ES256')
      const jwk = await jose.exportJWK(publicKey)
      const ask = posting(stage, url, stage.provider.service)
      return async () => {
        const proof = await new jose.SignJWT({ htm: 'POST', htu: url, jti: nonce() })
          .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
          .setIssuedAt()
          .sign(privateKey)
        const tokens = (await ask(ownTokenFields(stage, 'ES256'), { dpop: proof })) as {
          token_type?: string
        }
        if (tokens.token_type !== 'DPoP') throw new Error('the token is not bound')
      }
    },
  },
  sso: {
    title: 'SSO: authorize and code exchange',
    async prepare(stage) {
      const { visitor } = await signInAnew(stage)
      return async () => {
        const request = await authorization(stage)
        const { location } = await visitor.get(request.url)
        if (!location) throw new Error('no way back to the client')
        await redeem(stage, location, request)
      }
    },
  },
  sign_in: {
    title: 'full sign-in',
    prepare: async (stage) => async () => {
      await signInAnew(stage)
    },
  },
}

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }
const FORM = 'application/x-www-form-urlencoded'

function getting(pool: Pool, path: string, headers: Record<string, string> = {}): Lane {
  return async () => {
    const response = await pool.request({ path, method: 'GET', headers })
    const text = await response.body.text()
    if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${text}`)
  }
}

/** Posts a form as a client that authenticates with its secret; the answer is JSON. */
function posting(
  { pool }: Stage,
  url: string,
  { id, secret }: { id: string; secret: string },
  expected = 200,
) {
  const path = new URL(url).pathname
  const encode = (text: string) => encodeURIComponent(text).replace(/%20/g, '+')
  const basic = Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')
  const always = { authorization: `Basic ${basic}`, 'content-type': FORM }
  return async (fields: Record<string, string>, more: Record<string, string> = {}) => {
    const body = new URLSearchParams(fields).toString()
    const headers = { ...always, ...more }
    const response = await pool.request({ path, method: 'POST', headers, body })
    const text = await response.body.text()
    if (response.statusCode !== expected) throw new Error(`${response.statusCode}: ${text}`)
    return JSON.parse(text) as unknown
  }
}

type Format = 'ES256' | 'RS256' | 'opaque'

function ownTokenFields({ provider }: Stage, format: Format) {
  const fields = { grant_type: 'client_credentials', scope: provider.scope }
  const resource = provider.resources[format]
  return resource ? { ...fields, resource } : fields
}

function clientCredentials(format: Format): Operation['prepare'] {
  return async (stage) => {
    const ask = posting(stage, stage.metadata.token_endpoint, stage.provider.service)
    const fields = ownTokenFields(stage, format)
    return async () => {
      const { access_token = '' } = (await ask(fields)) as Partial<Tokens>
      const isJwt = access_token.split('.').length === 3
      if (access_token === '' || isJwt === (format === 'opaque')) {
        throw new Error(`not a token of the format ${format}`)
      }
    }
  }
}

async function askForOwnToken(stage: Stage, format: Format): Promise<Tokens> {
  const ask = posting(stage, stage.metadata.token_endpoint, stage.provider.service)
  return (await ask(ownTokenFields(stage, format))) as Tokens
}

type AuthorizationRequest = {
  url: string
  parameters: URLSearchParams
  verifier: string
  nonce: string
}

const nonce = () => randomBytes(16).toString('base64url')

async function authorization(
  { provider, metadata }: Stage,
  more: Record<string, string> = {},
): Promise<AuthorizationRequest> {
  const checks = { verifier: randomBytes(32).toString('base64url'), nonce: nonce() }
  const parameters = new URLSearchParams({
    client_id: provider.web.id,
    response_type: 'code',
    redirect_uri: provider.web.redirectUri,
    scope: 'openid',
    state: nonce(),
    nonce: checks.nonce,
    code_challenge: createHash('sha256').update(checks.verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  })
  return { url: `${metadata.authorization_endpoint}?${parameters}`, parameters, ...checks }
}

/** Somebody new in a browser that was never here, from an address of their own. */
async function signInAnew(stage: Stage, more: Record<string, string> = {}) {
  const { provider, pool } = stage
  const n = stage.nextPerson()
  const address = `198.${18 + ((n >> 16) & 1)}.${(n >> 8) & 255}.${n & 255}`
  const { origin } = new URL(provider.issuer)
  const visitor = new Visitor(pool, origin, { 'x-forwarded-for': address })
  const request = await authorization(stage, more)
  const callback = await goThroughPages(visitor, {
    start: request.url,
    redirectUri: provider.web.redirectUri,
    login: provider.people.login.replace('{n}', String(n)),
    password: provider.people.password,
    scriptedPages: provider.scriptedPages,
  })
  return { visitor, tokens: await redeem(stage, callback, request) }
}

async function redeem(
  stage: Stage,
  callback: string,
  { verifier, nonce: expected }: AuthorizationRequest,
): Promise<Tokens> {
  const { provider, metadata, keys } = stage
  const answer = new URL(callback).searchParams
  const code = answer.get('code')
  if (!code) throw new Error(`no code: ${answer}`)
  const tokens = (await posting(
    stage,
    metadata.token_endpoint,
    provider.web,
  )({
    grant_type: 'authorization_code',
    code,
    redirect_uri: provider.web.redirectUri,
    code_verifier: verifier,
  })) as Tokens
  const checks = { issuer: metadata.issuer, audience: provider.web.id }
  const { payload } = await jose.jwtVerify(tokens.id_token ?? '', keys, checks)
  if (payload['nonce'] !== expected) throw new Error('the ID token has another nonce')
  return tokens
}
