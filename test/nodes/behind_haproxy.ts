import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { decodeProtectedHeader } from 'jose'
import * as oidc from 'openid-client'
import { eventually } from '../support/eventually.ts'
import * as haproxy from '../support/haproxy.ts'
import type { Browser } from '../support/http.ts'
import { temporaryFolder } from '../support/leash.ts'
import { authorizationRequest, type RelyingParty } from '../support/relying_party.ts'
import { type Availability, requires } from '../support/skip.ts'
import { prepareLoad } from './load.ts'
import { type Nodes, startNodes } from './nodes.ts'
import {
  AFTER_LOGOUT,
  API,
  registerApplication,
  registerService,
  signIn,
  Visitor,
} from './visitor.ts'

/**
 * Two nodes as an operator runs them, one suite for every place where state may live: a person's steps
 * land on one after the other, what a command changes is known to both within a second, and each is
 * replaced under load without anybody noticing.
 */

/** From the end of a command to answers of both nodes, beyond what the same questions take anyway. */
const KNOWN_WITHIN_MS = 1_000

/** What is there beside PostgreSQL. */
export type Store = {
  available(): Availability
  start(): Promise<{ env: Record<string, string>; stop(): Promise<void> }>
}

export function describeNodes(name: string, store?: Store): void {
  describe(`Two nodes behind haproxy on ${name}`, function () {
    this.timeout(240_000)
    let running: Awaited<ReturnType<Store['start']>> | undefined
    let nodes: Nodes
    let party: RelyingParty
    let visitor: Visitor
    /** Of the client `reports`, which asks for itself. */
    let authorization: string

    before(async function () {
      requires(this, haproxy.available({ tls: true }))
      if (store) requires(this, store.available())
      running = await store?.start()
      nodes = await startNodes({ env: { AUTHCORE_MFA: 'required', ...running?.env } })
      const [registered, person] = await Promise.all([
        registerApplication(nodes, 'shop'),
        Visitor.register(nodes, 'ada@example.test'),
        nodes.run(`resource-server create --identifier ${API} --name API --scope read=Read`),
      ])
      party = registered
      visitor = person
      authorization = await registerService(nodes, 'reports', `--resource ${API}=read`)
    })
    after(async () => {
      await nodes?.close()
      await running?.stop()
    })

    it('take a whole sign-in in turns, from the password to the logout', async () => {
      const begin = (await nodes.allRequests()).length
      const mind = nodes.browser()
      const first = await signIn(nodes, party, visitor, mind)
      const tokens = await oidc.refreshTokenGrant(party.configuration, first.refresh_token!)
      const sub = first.claims()!.sub
      const info = await oidc.fetchUserInfo(party.configuration, tokens.access_token, sub)
      expect(info.email).to.equal(visitor.email)
      const logout = oidc.buildEndSessionUrl(party.configuration, {
        id_token_hint: first.id_token!,
        post_logout_redirect_uri: AFTER_LOGOUT,
      })
      const asked = await mind.followAll(await mind.get(logout.href))
      const done = await mind.submit(asked, {}, { button: 'logout' })
      expect(done.location).to.equal(AFTER_LOGOUT)

      // Another browser: the factor that was set up is asked for.
      const other = nodes.browser()
      const again = await signIn(nodes, party, visitor, other)
      expect(again.claims()!.sub).to.equal(sub)

      const steps = (await nodes.allRequests()).slice(begin)
      const [turns, paths] = [steps.map(({ node }) => node), steps.map(({ path }) => path)]
      expect(paths.join()).to.match(/\/enrol_factor.*\/consent.*\/second_factor/)
      expect(paths).to.include.members(['/token', '/userinfo', '/logout', '/logout/confirm'])
      expect(turns, paths.join()).to.deep.equal(turns.map((_, i) => (turns[0]! + i) % 2))
      expect(new Set(steps.map(({ clientIp }) => clientIp))).to.deep.equal(new Set(['127.0.0.1']))
      const cookies = await other.jar.getCookies(nodes.issuer)
      const session = cookies.find(({ key }) => key === '__Host-authcore_session')
      expect(session).to.include({ secure: true, httpOnly: true, path: '/', hostOnly: true })
    })

    /** What both nodes have to show, and how long after the command the later one did. */
    async function reach(
      test: Mocha.Context,
      line: string,
      shows: (node: Browser) => Promise<unknown>,
    ): Promise<void> {
      const bothShow = () => Promise.all([0, 1].map((node) => shows(nodes.direct(node))))
      const asked = performance.now()
      await bothShow().catch(() => {})
      const askingMs = performance.now() - asked
      await nodes.run(line)
      const ms = Math.round(await eventually(bothShow, { everyMs: 10 }))
      test.runnable().title += ` (${line.split(' ').slice(0, 2).join(' ')}: ${ms} ms)`
      expect(ms, line).to.be.at.most(KNOWN_WITHIN_MS + askingMs)
    }

    const tokenFrom = (node: Browser, more = {}) =>
      node.post(
        '/token',
        { grant_type: 'client_credentials', resource: API, ...more },
        { headers: { authorization } },
      )
    const kidFrom = async (node: Browser) =>
      decodeProtectedHeader((await tokenFrom(node)).json<{ access_token: string }>().access_token)
        .kid!

    it('both sign with a key soon after it was rotated', async function () {
      const before = await kidFrom(nodes.direct(1))
      expect(await kidFrom(nodes.direct(0))).to.equal(before)
      await reach(this, 'keys rotate', async (node) => {
        const kid = await kidFrom(node)
        expect(kid).not.to.equal(before)
        const { keys } = (await node.get('/jwks')).json<{ keys: { kid: string }[] }>()
        expect(keys.map((key) => key.kid)).to.include.members([kid, before])
      })
    })

    it('both turn away a client soon after it was disabled', async function () {
      await reach(this, 'client disable reports', async (node) => {
        expect((await tokenFrom(node)).json()).to.include({ error: 'invalid_client' })
      })
      await reach(this, 'client enable reports', async (node) => {
        expect((await tokenFrom(node)).status).to.equal(200)
      })
    })

    it('both shut out a person soon after the account was disabled', async function () {
      const eve = await Visitor.register(nodes, 'eve@example.test')
      const tokens = await signIn(nodes, party, eve, nodes.browser())
      const headers = { authorization: `Bearer ${tokens.access_token}` }
      for (const node of [0, 1]) {
        expect((await nodes.direct(node).get('/userinfo', { headers })).status).to.equal(200)
      }
      await reach(this, `user disable ${eve.email}`, async (node) =>
        expect((await node.get('/userinfo', { headers })).status).to.equal(401),
      )
    })

    it('are replaced one by one under load, and no request fails', async function () {
      const load = (await prepareLoad(nodes)).begin()
      for (const node of [0, 1]) {
        await nodes.stop(node)
        await nodes.start(node)
        await nodes.bothAnswer()
      }
      const { counts, failures } = await load.end()
      expect(failures).to.deep.equal([])
      for (const [what, count] of Object.entries(counts)) expect(count, what).to.be.above(5)
      this.runnable().title += ` (${JSON.stringify(counts)})`
    })

    // Whatever else there is, these are in PostgreSQL, and heard of by it.
    if (store) return

    it('both know an edited client', async function () {
      const moved = 'https://rp.example.test/moved'
      const { url } = await authorizationRequest({ ...party, redirectUri: moved })
      const asks = async (node: Browser) => (await node.get(url.pathname + url.search)).status
      expect(await Promise.all([0, 1].map((n) => asks(nodes.direct(n))))).to.deep.equal([400, 400])
      const line = `client update shop --redirect-uri ${party.redirectUri} --redirect-uri ${moved}`
      await reach(this, line, async (node) => expect(await asks(node)).to.equal(303))
    })

    it('both know what has changed about an API', async function () {
      await nodes.run(`client update reports --resource ${API}=read,write`)
      const granted = async (node: Browser) =>
        (await tokenFrom(node, { scope: 'write' })).json<{ scope?: string }>().scope
      expect(await granted(nodes.direct(0))).not.to.equal('write')
      expect(await granted(nodes.direct(1))).not.to.equal('write')
      const line = `resource-server update ${API} --scope read=Read --scope write=Write`
      await reach(this, line, async (node) => expect(await granted(node)).to.equal('write'))
    })

    it('both know a new connection', async function () {
      const file = path.join(temporaryFolder('works'), 'works.json')
      const works = {
        name: 'works',
        kind: 'oidc',
        title: 'Example Works',
        domains: ['works.example'],
        settings: { issuer: 'https://login.works.example', client_id: 'authcore' },
      }
      writeFileSync(file, JSON.stringify(works))
      const known = async (node: Browser) =>
        Object.keys((await node.get('/health/ready')).json<Ready>().connections ?? {})
      expect(await known(nodes.direct(0))).to.deep.equal([])
      expect(await known(nodes.direct(1))).to.deep.equal([])
      await reach(this, `connection create ${file}`, async (node) =>
        expect(await known(node)).to.deep.equal(['works']),
      )
    })
  })
}

type Ready = { connections?: Record<string, unknown> }
