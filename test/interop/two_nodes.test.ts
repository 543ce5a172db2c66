import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { decodeProtectedHeader } from 'jose'
import * as oidc from 'openid-client'
import { updateClient } from '../../src/domain/clients/update_client.ts'
import { rotateSigningKeyNow } from '../../src/platform/keys/rotate_signing_keys.ts'
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
import { freePort } from '../support/free_port.ts'
import * as haproxy from '../support/haproxy.ts'
import { type Browser, browser } from '../support/http.ts'
import { temporaryFolder } from '../support/leash.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { goThrough } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'

/**
 * Two nodes on one database behind haproxy with TLS, as an operator would run them: whichever node is
 * asked, the answer is the same.
 */
describe('Two nodes behind haproxy', function () {
  this.timeout(60_000)
  let database: TestDatabase
  let dataDir: string
  let proxy: haproxy.Haproxy
  let nodes: AuthCore[] = []
  let ports: number[]
  let ada: Person
  before(async function () {
    requires(this, haproxy.available({ tls: true }))
    ;[database, ports] = await Promise.all([testDatabase(), Promise.all([freePort(), freePort()])])
    dataDir = temporaryFolder('two-nodes')
    proxy = await haproxy.startHaproxy({
      upstreams: ports.map((port) => `127.0.0.1:${port}`),
      healthPath: '/health/ready',
      tls: true,
    })
    // One after the other: the first makes the secrets that both share.
    for (const port of ports) nodes.push(await startNode(port))
    ada = await addPerson(nodes[0]!)
    await untilBothAnswer()
  })
  after(async () => {
    await proxy?.stop()
    await Promise.all(nodes.map((node) => node.stop()))
    nodes = []
    await database?.drop()
    if (dataDir) rmSync(dataDir, { recursive: true, force: true })
  })

  const startNode = (port: number) =>
    startAuthCore({
      env: {
        PORT: String(port),
        ISSUER: proxy.url,
        DATABASE_URL: database.url,
        AUTHCORE_DATA_DIR: dataDir,
        AUTHCORE_TRUSTED_PROXIES: '127.0.0.1',
      },
    })

  /** The health check looks every half second. */
  async function untilBothAnswer(): Promise<void> {
    const alice = newBrowser()
    while (new Set(requests().map(({ node }) => node)).size < 2) {
      await alice.get('/').catch(() => undefined)
      await sleep(50)
    }
  }

  const newBrowser = () => browser({ base: proxy.url, ca: proxy.ca! })

  /** What the nodes answered, in order, without health checks. */
  function requests(): { node: number; path: string; clientIp: unknown }[] {
    return nodes
      .flatMap(({ logged }, node) =>
        logged
          .filter(({ msg, route }) => msg === 'request' && !String(route).startsWith('health'))
          .map((line) => ({
            node,
            path: String(line['path']),
            clientIp: line['client_ip'],
            at: String(line['time']) + String(line['request_id']),
          })),
      )
      .sort((a, b) => (a.at < b.at ? -1 : 1))
  }

  /** openid-client through the proxy, trusting its certificate. */
  async function relyingParty(clientId: string, secret: string): Promise<oidc.Configuration> {
    return await oidc.discovery(
      new URL(proxy.url),
      clientId,
      { id_token_signed_response_alg: 'ES256' },
      oidc.ClientSecretBasic(secret),
      { [oidc.customFetch]: fetchThrough(newBrowser()) },
    )
  }

  it('serve one sign-in in turns, over TLS, with cookies for this host alone', async () => {
    const { clientId, secret } = await addClient(nodes[1]!)
    const party = await relyingParty(clientId, secret!)
    const verifier = oidc.randomPKCECodeVerifier()
    const nonce = oidc.randomNonce()
    const url = oidc.buildAuthorizationUrl(party, {
      redirect_uri: CALLBACK,
      scope: 'openid profile email offline_access',
      prompt: 'consent',
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    const before = requests().length
    const alice = newBrowser()
    const callback = await goThrough(alice, await alice.get(url.href), ada, proxy.url)
    const tokens = await oidc.authorizationCodeGrant(party, callback, {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
    })
    const refreshed = await oidc.refreshTokenGrant(party, tokens.refresh_token!)
    const info = await oidc.fetchUserInfo(party, refreshed.access_token, ada.id)
    expect(info.email).to.equal(ada.email)

    const steps = requests().slice(before)
    expect(steps.length).to.be.at.least(10)
    const turns = steps.map(({ node }) => node)
    expect(turns, steps.map(({ path }) => path).join()).to.deep.equal(
      turns.map((_, index) => (turns[0]! + index) % 2),
    )
    expect(new Set(steps.map(({ clientIp }) => clientIp))).to.deep.equal(new Set(['127.0.0.1']))
    const cookies = await alice.jar.getCookies(proxy.url)
    const session = cookies.find(({ key }) => key === '__Host-authcore_session')
    expect(session).to.include({ secure: true, httpOnly: true, path: '/', hostOnly: true })
  })

  it('know of a rotated key within a second, and sign with it', async () => {
    const { clientId, secret } = await addClient(nodes[0]!, {
      preset: 'service',
      metadata: { resource_scopes: { [API]: ['read'] } },
    })
    await addApi(nodes[0]!)
    /** The key that this node signs with. */
    const signs = async (node: number) => {
      const reply = await browser().post(
        `http://127.0.0.1:${ports[node]}/token`,
        { grant_type: 'client_credentials', resource: API, scope: 'read' },
        { headers: { authorization: `Basic ${btoa(`${clientId}:${secret}`)}` } },
      )
      return decodeProtectedHeader(reply.json<{ access_token: string }>().access_token).kid!
    }
    const before = await signs(1)
    expect(await signs(0)).to.equal(before)
    await rotateSigningKeyNow(nodes[0]!.parts, 'ES256')
    await within(1_000, async () => {
      const kid = await signs(1)
      expect(kid).to.not.equal(before)
      expect(await signs(0)).to.equal(kid)
      expect(await kids(1)).to.include.members([kid, before])
    })
  })

  it('know of an edited client within a second', async () => {
    const moved = 'https://rp.example.test/moved'
    const { clientId } = await addClient(nodes[0]!)
    const answer = async (node: number) => {
      const query = new URLSearchParams({
        client_id: clientId,
        redirect_uri: moved,
        response_type: 'code',
        scope: 'openid',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
      })
      return (await direct(node, `/authorize?${query}`)).status
    }
    expect([await answer(0), await answer(1)]).to.deep.equal([400, 400])
    await updateClient(nodes[0]!.parts, clientId, { metadata: { redirect_uris: [moved] } })
    await within(1_000, async () => {
      expect([await answer(0), await answer(1)]).to.deep.equal([303, 303])
    })
  })

  it('carry on alone where the other one ends', async () => {
    const alice = newBrowser()
    await nodes[1]!.web.http.stop()
    const { clientId } = await addClient(nodes[0]!)
    for (let i = 0; i < 4; i++) {
      const reply = await alice.get(`/authorize?client_id=${clientId}`)
      expect(reply.status).to.be.below(500)
    }
  })

  const direct = (node: number, path: string) =>
    browser().get(`http://127.0.0.1:${ports[node]}${path}`)

  async function kids(node: number): Promise<string[]> {
    const { keys } = (await direct(node, '/jwks')).json<{ keys: { kid: string }[] }>()
    return keys.map(({ kid }) => kid)
  }
})

/** Tries again until the expectation holds or its time is over. */
async function within(ms: number, expectation: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + ms
  for (;;) {
    const fault = await expectation().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (fault === undefined) return
    if (Date.now() > deadline) throw fault
    await sleep(20)
  }
}

function fetchThrough(alice: Browser): oidc.CustomFetch {
  return async (url, { method, headers, body }) => {
    const reply = await alice.request(method, url, {
      headers: { ...headers, accept: 'application/json' },
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    })
    return new Response(reply.body, { status: reply.status, headers: plain(reply.headers) })
  }
}

function plain(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
  )
}
