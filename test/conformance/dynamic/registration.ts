import { expect } from 'chai'
import type { Reply } from '../../support/http.ts'
import type { Op } from '../support/op.ts'

/** Dynamic registration (OpenID Connect Registration §3, RFC 7591), as the suite does it. */

export type Registered = Record<string, unknown> & {
  client_id: string
  client_secret?: string
  redirect_uris: string[]
  id_token_signed_response_alg: string
  registration_access_token: string
  registration_client_uri: string
}

export type Registrar = {
  /** Whatever comes of it. */
  ask(metadata: object): Promise<Reply>
  /** A client: 201, and everything that such an answer must say. */
  register(metadata: object): Promise<Registered>
  /** Takes back what was registered, as the suite does at the end of a module. */
  removeAll(): Promise<void>
}

export function registrarOf(op: Op): Registrar {
  const registered: Registered[] = []
  const ask = async (metadata: object): Promise<Reply> =>
    await op.newBrowser().request('POST', String(op.metadata['registration_endpoint']), {
      json: metadata,
      headers: { accept: 'application/json' },
    })
  return {
    ask,
    async register(metadata) {
      const client = checkRegistered(await ask(metadata), metadata)
      registered.push(client)
      return client
    },
    async removeAll() {
      for (const client of registered.splice(0)) {
        const reply = await manage(op, 'DELETE', client)
        expect(reply.status, reply.body).to.equal(204)
      }
    },
  }
}

export async function manage(
  op: Op,
  method: 'GET' | 'DELETE',
  { registration_client_uri, registration_access_token }: Registered,
): Promise<Reply> {
  const authorization = `Bearer ${registration_access_token}`
  const headers = { accept: 'application/json', authorization }
  return await op.newBrowser().request(method, registration_client_uri, { headers })
}

function checkRegistered(reply: Reply, asked: object): Registered {
  expect(reply.status, reply.body).to.equal(201)
  expect(reply.headers['content-type']).to.match(/^application\/json(;|$)/)
  const client = reply.json<Registered>()
  expect(client.client_id).to.be.a('string').that.is.not.empty
  if (client.client_secret !== undefined) {
    expect(client, 'with a secret').to.have.property('client_secret_expires_at')
  }
  expect('registration_access_token' in client).to.equal('registration_client_uri' in client)
  for (const [name, value] of Object.entries(asked)) {
    expect(client[name], name).to.deep.equal(value)
  }
  return client
}
