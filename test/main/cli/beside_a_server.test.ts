import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as oidc from 'openid-client'
import { reserveFactorTry } from '../../../src/domain/credentials/factor_store.ts'
import { eventsEver } from '../../protocol/driver.ts'
import {
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  startAuthCore,
} from '../../support/authcore.ts'
import { authorizationRequest, relyingParty, signIn } from '../../support/relying_party.ts'
import { type Run, runCli, wordsOf } from './run_cli.ts'

describe('commands beside a running server', function () {
  this.timeout(120_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
    await addApi(server, 'opaque', 'https://api.example.com')
  })
  after(() => server?.stop())

  const run = async (line: string): Promise<Run> => {
    const { storage } = server.parts.config
    const answer = await runCli(wordsOf(`${line} --json`), {
      env: {
        NODE_ENV: 'test',
        DATABASE_URL: storage.databaseUrl,
        AUTHCORE_DATA_DIR: storage.dataDir,
      },
    })
    expect(answer.code, answer.stderr).to.equal(0)
    return answer
  }
  const serviceToken = async (
    clientId: string,
    secret: string,
  ): Promise<Record<string, string>> => {
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${clientId}:${secret}`)}` },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        resource: 'https://api.example.com',
        scope: 'read',
      }),
    })
    return (await response.json()) as Record<string, string>
  }
  /** The change is announced as it is committed: it takes a moment, not the life of a cache. */
  const soon = async (happens: () => Promise<boolean>): Promise<boolean> => {
    for (const deadline = Date.now() + 5_000; Date.now() < deadline; await sleep(50)) {
      if (await happens()) return true
    }
    return false
  }

  it('register a client that works at once, and refuse it at once', async () => {
    // The server has looked for it, and remembers that it is not there.
    expect(await serviceToken('reports', 'x'.repeat(20))).to.include({ error: 'invalid_client' })
    const created = await run(
      'client create --name Reports --preset service --id reports --resource https://api.example.com=read --introspection any',
    )
    const secret = created.json().client_secret
    expect(
      await soon(async () => 'access_token' in (await serviceToken('reports', secret))),
      'a token for the new client',
    ).to.equal(true)
    const { access_token: token } = await serviceToken('reports', secret)

    const watcher = await addClient(server, {
      preset: 'service',
      metadata: { introspection: 'any', resource_scopes: {} },
    })
    const party = await relyingParty(server, watcher)
    const isActive = async () => (await oidc.tokenIntrospection(party.configuration, token!)).active
    expect(await isActive()).to.equal(true)

    const rotated = (await run('client rotate-secret reports --overlap 0')).json()
    expect(
      await soon(async () => (await serviceToken('reports', secret))['error'] === 'invalid_client'),
      'the old secret ends',
    ).to.equal(true)
    expect(await serviceToken('reports', rotated.client_secret)).to.have.property('access_token')

    await run('client disable reports')
    expect(await isActive()).to.equal(false)
    expect(
      await soon(
        async () =>
          (await serviceToken('reports', rotated.client_secret))['error'] === 'invalid_client',
      ),
      'the disabled client is refused',
    ).to.equal(true)
  })

  it('end the sessions and tokens of a person at once', async () => {
    const ada = await addPerson(server)
    const party = await relyingParty(
      server,
      await addClient(server, {
        metadata: { grant_types: ['authorization_code', 'refresh_token'] },
      }),
    )
    const { alice, tokens } = await signIn(server, party, ada, {
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    await run(`user disable ${ada.email}`)
    const refresh = oidc.refreshTokenGrant(party.configuration, tokens.refresh_token!)
    expect((await refresh.catch((error) => error)).error).to.equal('invalid_grant')
    const info = oidc.fetchUserInfo(party.configuration, tokens.access_token, ada.id)
    expect((await info.catch((error) => error)).status).to.equal(401)

    await run(`user enable ${ada.email}`)
    const { url } = await authorizationRequest(party)
    const page = await alice.followAll(
      await alice.get(url.href),
      (location) => !location.startsWith(server.issuer),
    )
    expect(page.url, 'the session does not come back').to.match(/\/login$/)
  })

  it('forget wrong passwords and codes, so that nobody stays locked out', async () => {
    const ada = await addPerson(server)
    const { db, limits } = server.parts
    const guess = () => limits.consume('sign_in_account_untrusted', ada.id)
    const guessAll = async () => {
      for (let i = 0; i < 12; i += 1) await guess()
      expect((await guess()).allowed).to.equal(false)
    }
    const tryFactor = () => {
      return reserveFactorTry(db, { accountId: ada.id, kind: 'totp', now: new Date() })
    }
    await guessAll()
    for (let i = 0; i < 10; i += 1) await tryFactor()
    expect(await tryFactor()).to.equal(false)
    await run(`user unlock ${ada.email}`)
    expect(await tryFactor()).to.equal(true)
    // A node remembers for a second whom it has just refused.
    expect(await soon(async () => (await guess()).allowed), 'unlocked').to.equal(true)
    await guessAll()
    await run(`user set-password ${ada.email} --generate-password`)
    expect(await soon(async () => (await guess()).allowed), 'another password').to.equal(true)
    const unlocked = await eventsEver(server, 'auth.account.unlocked')
    expect(unlocked.map(({ subject }) => subject)).to.deep.equal([ada.id])
  })

  it('let another key sign at once', async () => {
    const rotated = (await run('keys rotate --algorithm ES256')).json().rotated
    const kids = async () => {
      const response = await fetch(`${server.issuer}/jwks`)
      const { keys } = (await response.json()) as { keys: { kid: string }[] }
      return keys.map(({ kid }) => kid)
    }
    expect(await soon(async () => (await kids()).includes(rotated[0].kid))).to.equal(true)
    expect(await kids()).to.include(rotated[0].replaces)
  })
})
