import { expect } from 'chai'
import {
  type ClientMetadataInput,
  DEVICE_CODE_GRANT,
} from '../../src/domain/clients/client_metadata.ts'
import { CLIENT_PRESETS, type ClientPreset } from '../../src/domain/clients/client_presets.ts'
import { createClient } from '../../src/domain/clients/create_client.ts'
import { updateClient } from '../../src/domain/clients/update_client.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser, type Reply } from '../support/http.ts'
import { goThrough } from '../support/relying_party.ts'
import {
  clientAssertion,
  dpopProof,
  expectError,
  expectTokens,
  post,
  rows,
  type SigningParty,
  signingParty,
  type TestClient,
} from './driver.ts'

/**
 * A preset holds twice: what is weaker is refused when the client is written, and when it calls. For
 * each preset both are asked here; what it allows is in the tests of each protocol.
 */

type Case = {
  /** Written over the defaults, each on its own, and refused; the member that is named. */
  writes: [metadata: ClientMetadataInput, member: string][]
  /** Requests that a client with the defaults is refused. */
  calls: [what: string, call: (server: AuthCore, client: TestClient) => Promise<string>][]
}

const CODE_REQUEST = {
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid',
  state: 's',
  code_challenge: 'c'.repeat(43),
  code_challenge_method: 'S256',
}

async function authorizing(
  server: AuthCore,
  client: TestClient,
  change: Record<string, string | undefined>,
): Promise<string> {
  const fields = { client_id: client.clientId, ...CODE_REQUEST, ...change }
  const query = new URLSearchParams(
    Object.entries(fields).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  const reply = await browser().get(`${server.issuer}/authorize?${query}`)
  const { searchParams, hash } = new URL(reply.location ?? reply.url)
  const told = searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error')
  return told ?? /id="oauth-error"[^>]*>([^<]+)</.exec(reply.body)?.[1] ?? reply.location ?? ''
}

const authorize =
  (change: Record<string, string | undefined>) => (server: AuthCore, client: TestClient) =>
    authorizing(server, client, change)

const token =
  (fields: Record<string, string>) =>
  async (server: AuthCore, client: TestClient): Promise<string> =>
    errorIn(await post(server, '/token', client, fields))

function errorIn(reply: Reply): string {
  return reply.json<{ error: string }>().error
}

const CASES: Record<ClientPreset, Case> = {
  web: {
    writes: [
      [{ token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
      [{ application_type: 'native' }, 'application_type'],
      [{ grant_types: ['implicit'], response_types: ['id_token'] }, 'response_types'],
      [{ redirect_uris: ['com.example.app:/cb'] }, 'redirect_uris'],
    ],
    calls: [
      [
        'a code without PKCE',
        authorize({ code_challenge: undefined, code_challenge_method: undefined }),
      ],
      ['a token by the browser', authorize({ response_type: 'token' })],
      [
        'a token without its secret',
        (server, { clientId }) =>
          token({ grant_type: 'authorization_code', code: 'c', redirect_uri: CALLBACK })(server, {
            clientId,
          }),
      ],
    ],
  },
  spa: {
    writes: [
      [{ token_endpoint_auth_method: 'client_secret_post' }, 'token_endpoint_auth_method'],
      [{ grant_types: ['authorization_code', DEVICE_CODE_GRANT] }, 'grant_types'],
      [{ redirect_uris: ['http://app.example/cb'] }, 'redirect_uris'],
    ],
    calls: [
      ['a token of its own', token({ grant_type: 'client_credentials' })],
      ['an ID token by the browser', authorize({ response_type: 'id_token', nonce: 'n' })],
      [
        'a code without PKCE',
        authorize({ code_challenge: undefined, code_challenge_method: undefined }),
      ],
    ],
  },
  native: {
    writes: [
      [{ token_endpoint_auth_method: 'client_secret_basic' }, 'token_endpoint_auth_method'],
      [{ application_type: 'web' }, 'application_type'],
      [{ redirect_uris: ['https://localhost/cb'] }, 'redirect_uris'],
    ],
    calls: [
      [
        'a code without PKCE',
        authorize({ code_challenge: undefined, code_challenge_method: undefined }),
      ],
      ['a token of its own', token({ grant_type: 'client_credentials' })],
    ],
  },
  service: {
    writes: [
      [{ token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
      [
        {
          grant_types: ['authorization_code'],
          response_types: ['code'],
          redirect_uris: [CALLBACK],
        },
        'grant_types',
      ],
    ],
    calls: [
      ['a person to sign in', authorize({})],
      [
        'a token without its secret',
        (server, { clientId }) => token({ grant_type: 'client_credentials' })(server, { clientId }),
      ],
    ],
  },
  device: {
    writes: [
      [
        { grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic' },
        'grant_types',
      ],
    ],
    calls: [
      ['a person to sign in', authorize({})],
      ['a token of its own', token({ grant_type: 'client_credentials' })],
    ],
  },
  fapi2: {
    writes: [
      [{ token_endpoint_auth_method: 'client_secret_basic' }, 'token_endpoint_auth_method'],
      [{ token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
      [{ require_pushed_authorization_requests: false }, 'require_pushed_authorization_requests'],
      [{ dpop_bound_access_tokens: false }, 'dpop_bound_access_tokens'],
      [{ id_token_signed_response_alg: 'RS256' }, 'id_token_signed_response_alg'],
      [{ token_endpoint_auth_signing_alg: 'RS256' }, 'token_endpoint_auth_signing_alg'],
      [{ request_object_signing_alg: 'RS256' }, 'request_object_signing_alg'],
      [{ grant_types: ['implicit'], response_types: ['id_token'] }, 'response_types'],
    ],
    calls: [
      ['a request that was not pushed', authorize({})],
      [
        'a token for a secret',
        (server, { clientId }) =>
          token({ grant_type: 'refresh_token', refresh_token: 'r' })(server, {
            clientId,
            secret: 'x'.repeat(32),
          }),
      ],
    ],
  },
  mcp: {
    writes: [
      [{ token_endpoint_auth_method: 'client_secret_basic' }, 'token_endpoint_auth_method'],
      [
        {
          grant_types: ['authorization_code', 'client_credentials'],
          token_endpoint_auth_method: 'private_key_jwt',
        },
        'grant_types',
      ],
    ],
    calls: [
      [
        'a code without PKCE',
        authorize({ code_challenge: undefined, code_challenge_method: undefined }),
      ],
      ['a token of its own', token({ grant_type: 'client_credentials' })],
    ],
  },
  legacy: {
    writes: [
      [
        {
          grant_types: ['implicit'],
          response_types: ['id_token'],
          redirect_uris: ['http://localhost/cb'],
        },
        'redirect_uris',
      ],
      [{ response_types: ['code', 'id_token'] }, 'grant_types'],
    ],
    calls: [
      [
        'a response type it is not registered for',
        authorize({ response_type: 'id_token', nonce: 'n' }),
      ],
      ['a token by the password', token({ grant_type: 'password', username: 'a', password: 'b' })],
    ],
  },
}

const REFUSED =
  /^(invalid_request|invalid_client|invalid_redirect_uri|unauthorized_client|unsupported_\w+)$/

describe('Client presets', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let key: SigningParty
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_LEGACY_CLIENTS: 'true' } })
    await addApi(server)
    ada = await addPerson(server)
    key = await signingParty()
  })
  after(() => server?.stop())

  const defaultsFor = (preset: ClientPreset): ClientMetadataInput => ({
    ...(preset === 'service' || preset === 'device' ? {} : { redirect_uris: [CALLBACK] }),
    ...(preset === 'fapi2' ? { jwks: { keys: [key.jwk] } } : {}),
  })

  const write = async (preset: ClientPreset, metadata: ClientMetadataInput): Promise<string> => {
    const keys =
      metadata.token_endpoint_auth_method === 'private_key_jwt' ? { jwks: { keys: [key.jwk] } } : {}
    try {
      await createClient(server.parts, {
        name: 'x',
        preset,
        metadata: { ...defaultsFor(preset), ...keys, ...metadata },
      })
      return 'written'
    } catch (error) {
      return (error as Error).message
    }
  }

  for (const preset of CLIENT_PRESETS) {
    describe(preset, () => {
      it('has defaults that are written', async () => {
        expect(await write(preset, {})).to.equal('written')
      })

      for (const [metadata, member] of CASES[preset].writes) {
        it(`is not written with ${JSON.stringify(metadata)}`, async () => {
          expect(await write(preset, metadata)).to.match(new RegExp(`^${member}\\b`))
        })
      }

      for (const [what, call] of CASES[preset].calls) {
        it(`is refused ${what}`, async () => {
          const client = await addClient(server, { preset, metadata: defaultsFor(preset) })
          expect(await call(server, client)).to.match(REFUSED)
        })
      }
    })
  }

  it('hold when a client is changed as well', async () => {
    const { clientId } = await addClient(server, {
      preset: 'fapi2',
      metadata: defaultsFor('fapi2'),
    })
    const changing = updateClient(server.parts, clientId, {
      metadata: { dpop_bound_access_tokens: null },
    })
    expect((await changing.catch((error) => error)).message).to.match(/^dpop_bound_access_tokens/)
  })

  it('bound the life of access tokens', async () => {
    const client = await addClient(server, {
      preset: 'fapi2',
      metadata: {
        ...defaultsFor('fapi2'),
        grant_types: ['client_credentials'],
        response_types: [],
        resource_scopes: { [API]: ['read'] },
      },
    })
    const ask = async (headers: Record<string, string> = {}) => {
      const assertion = await clientAssertion(server, client.clientId, key)
      const fields = { grant_type: 'client_credentials', scope: 'read', ...assertion }
      return await post(server, '/token', undefined, fields, { headers })
    }
    expectError(await ask(), 400, 'invalid_grant')
    const dpop = await dpopProof(key, 'POST', `${server.issuer}/token`)
    expect(expectTokens(await ask({ dpop })).expires_in).to.equal(300)
  })

  it('bound the life of codes', async () => {
    const life = async (preset: 'web' | 'fapi2') => {
      const client = await addClient(server, {
        preset,
        metadata: defaultsFor(preset),
        firstParty: true,
      })
      const pushing = preset === 'fapi2'
      const fields = { client_id: client.clientId, ...CODE_REQUEST }
      const uri = pushing ? await push(client, fields) : undefined
      const query = new URLSearchParams(
        uri ? { client_id: client.clientId, request_uri: uri } : fields,
      )
      const mind = browser()
      const start = await mind.get(`${server.issuer}/authorize?${query}`)
      await goThrough(mind, start, ada, server.issuer)
      const [code] = await rows<{ life: number }>(
        server.parts.db,
        `SELECT extract(epoch FROM expires_at - created_at)::int AS life FROM oidc_record
          WHERE model = 'AuthorizationCode' AND client_id = $1`,
        [client.clientId],
      )
      return code!.life
    }
    const push = async ({ clientId }: TestClient, fields: Record<string, string>) => {
      const assertion = await clientAssertion(server, clientId, key)
      const dpop = await dpopProof(key, 'POST', `${server.issuer}/par`)
      const reply = await post(
        server,
        '/par',
        undefined,
        { ...fields, ...assertion },
        { headers: { dpop } },
      )
      return reply.json<{ request_uri: string }>().request_uri
    }
    expect(await life('web')).to.be.within(59, 61)
    expect(await life('fapi2')).to.be.within(29, 31)
  })
})
