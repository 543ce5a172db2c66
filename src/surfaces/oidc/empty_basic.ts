import type { Context } from 'koa'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import { DEFAULT_BODY_BYTES, readRawBody } from '../../web/raw_body.ts'
import { CLIENT_PATHS } from './paths.ts'

/**
 * A public client that says who it is in a Basic header with an empty password, as oidc-agent and the
 * like do: RFC 6749 §2.3.1 lets a client leave out a secret that is empty. The header proves nothing,
 * no more than `client_id` in the form, and is read as exactly that. It is for clients that have no
 * secret; every other header goes to the engine as it came, to be refused there.
 */
export async function takeEmptyBasic(ctx: Context, clients: Clients): Promise<void> {
  const clientId = namedByEmptyBasic(ctx)
  if (clientId === undefined) return
  const client = await clients.find(clientId)
  if (client?.metadata.token_endpoint_auth_method === 'none') await nameInForm(ctx, clientId)
}

type Clients = Pick<ClientCache, 'find'>

/** The part before the colon, where nothing comes after it. */
function namedByEmptyBasic(ctx: Context): string | undefined {
  const credentials = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(ctx.get('Authorization'))?.[1]
  if (credentials === undefined || !CLIENT_PATHS.has(ctx.path)) return undefined
  if (!ctx.is('application/x-www-form-urlencoded')) return undefined
  const encoded = /^([^:]+):$/.exec(Buffer.from(credentials, 'base64').toString())?.[1]
  try {
    return encoded && decodeURIComponent(encoded.replaceAll('+', '%20'))
  } catch {
    return undefined
  }
}

/** A form that names a client keeps its word; where it names another one, so does the header. */
async function nameInForm(ctx: Context, clientId: string): Promise<void> {
  await readRawBody(ctx.req, {
    limitBytes: DEFAULT_BODY_BYTES,
    replay: (body) => {
      const named = new URLSearchParams(body.toString()).getAll('client_id')
      if (named.some((id) => id !== clientId)) return body
      delete ctx.req.headers.authorization
      if (named.length > 0) return body
      const parameter = new URLSearchParams({ client_id: clientId })
      return Buffer.concat([body, Buffer.from(`&${parameter}`)])
    },
  })
}
