import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  BEHIND_PROXY,
  eventsOf,
  exchangeFields,
  expectTokens,
  fromSomewhere,
  post,
  refresh,
  rows,
  type TestClient,
  userinfo,
} from './driver.ts'

type Checks = Awaited<ReturnType<typeof authorizationRequest>>['checks']

describe('The pages between a request and its answer', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore({ env: BEHIND_PROXY })
    ada = await addPerson(server)
    client = await addClient(server, { name: 'The diary' })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const open = async (mind: Browser, parameters: Record<string, string> = {}, at = party) => {
    const { url, checks } = await authorizationRequest(at, parameters)
    const start = await mind.get(url.href)
    return { page: await mind.followAll(start, ours), start, checks }
  }
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const uidOf = ({ url }: Reply) => new URL(url).pathname.split('/')[2]!
  const credentials = (person = ada) => ({ login: person.email, password: person.password })
  const finish = (mind: Browser, page: Reply, person = ada) =>
    goThrough(mind, page, person, server.issuer)
  const tokensAt = async (callback: URL, checks: Checks, who = client) =>
    expectTokens(await post(server, '/token', who, exchangeFields({ callback, checks })))
  const subjectAt = async (callback: URL, checks: Checks, who = client) => {
    const { access_token } = await tokensAt(callback, checks, who)
    return (await userinfo(server, access_token)).json<{ sub: string }>().sub
  }
  /** Shows a way on, and lets nobody in. */
  function expectWayOn(reply: Reply, status: number | number[] = 400): void {
    expect(reply.status, reply.text().slice(0, 200)).to.be.oneOf([status].flat())
    expect(reply.headers['content-type']).to.match(/^text\/html/)
    expect(reply.body).to.match(/id="(restart|back-to-client|home)"/)
    expect(reply.location).to.equal(undefined)
  }

  describe('are shown to people', () => {
    it('with headers that keep others out, and no script but the one for passkeys', async () => {
      const { page } = await open(browser())
      expect(page.headers).to.include({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      })
      expect(page.headers['referrer-policy']).to.match(/^(no-referrer|same-origin)$/)
      const policy = String(page.headers['content-security-policy'])
      expect(policy).to.include("frame-ancestors 'none'").and.to.include("default-src 'none'")
      expect(policy).to.include("form-action 'self'").and.not.to.include('unsafe-inline')
      expect(page.body.match(/<script[^>]*>/g)).to.have.length(1)
      expect(page.body).to.match(/<script src="\/assets\/passkey\.js\?v=[\w-]+" defer><\/script>/)
      expect(policy).to.include("script-src 'self';")
      expect(page.body).not.to.match(/\son\w+=|style=|javascript:/i)
    })

    it('in their language', async () => {
      const { page } = await open(browser({ headers: { 'accept-language': 'de' } }))
      expect(page.body).to.include('<html lang="de"')
      expect((await open(browser(), { ui_locales: 'xx fr' })).page.body).to.include(
        '<html lang="fr"',
      )
    })

    it('with cookies that only this address and no script can read', async () => {
      const { start } = await open(browser())
      const cookies = start.headers['set-cookie'] ?? []
      expect(cookies.length).to.be.above(0)
      for (const cookie of cookies) {
        expect(cookie)
          .to.match(/; httponly/i)
          .and.to.match(/; samesite=lax/i)
      }
    })

    it('over https with cookies that come over nothing else', async () => {
      const secure = await startAuthCore({ env: { ISSUER: 'https://login.example.test' } })
      try {
        const eve = await addPerson(secure)
        const { clientId } = await addClient(secure)
        const { port } = secure.parts.config.server
        const { url } = await authorizationRequest(party)
        url.searchParams.set('client_id', clientId)
        const ask = (path: string, cookie = '') =>
          browser().get(`http://127.0.0.1:${port}${path}`, {
            headers: { host: 'login.example.test', cookie },
          })
        const start = await ask(`${url.pathname}${url.search}`)
        expect(start.headers['strict-transport-security']).to.match(/max-age=\d{8}/)
        expect(start.headers['location']).to.match(/^https:\/\/login\.example\.test|^\//)
        const set = (reply: Reply) => reply.headers['set-cookie'] ?? []
        const cookies = set(start)
        for (const cookie of cookies) {
          expect(cookie)
            .to.match(/^__(Secure|Host)-authcore_/)
            .and.to.match(/; secure/i)
        }
        expect(eve.id).to.be.a('string')
      } finally {
        await secure.stop()
      }
    })

    it('not to what loads pages ahead of time', async () => {
      const mind = browser()
      const { page } = await open(mind)
      for (const purpose of ['prefetch', 'prefetch;prerender']) {
        const reply = await mind.get(page.url, { headers: { 'sec-purpose': purpose } })
        expect(reply.status).to.equal(403)
      }
      expect((await mind.get(page.url)).status).to.equal(200)
    })
  })

  describe('take a form', () => {
    it('only with the token of its page', async () => {
      const mind = browser()
      const { page } = await open(mind)
      const other = await open(browser())
      const accepted = async () => (await eventsOf(server, 'auth.login.factor_accepted')).length
      const before = await accepted()
      const own = page.forms()[0]!.fields.get('csrf')!
      for (const csrf of [
        '',
        'x',
        own.slice(1),
        `${own}x`,
        other.page.forms()[0]!.fields.get('csrf')!,
      ]) {
        const reply = await mind.submit(page, { ...credentials(), csrf })
        expectWayOn(reply, 403)
      }
      const { csrf: _, ...without } = Object.fromEntries(page.forms()[0]!.fields)
      const bare = await mind.post(page.url, { ...without, ...credentials() })
      expect(bare.status).to.be.within(400, 403)
      expect(await accepted()).to.equal(before)
      expect((await mind.submit(page, credentials())).status).to.equal(200)
    })

    it('not from another site, whoever says so', async () => {
      const mind = browser()
      const { page } = await open(mind)
      for (const headers of [
        { origin: 'https://evil.test' },
        { origin: 'null' },
        { origin: `${server.issuer}.evil.test` },
        { origin: server.issuer.replace('http:', 'https:') },
        { 'sec-fetch-site': 'cross-site' },
        { origin: server.issuer, 'sec-fetch-site': 'cross-site' },
      ]) {
        const reply = await mind.submit(page, credentials(), { headers })
        expect(reply.status, JSON.stringify(headers)).to.equal(403)
        expect(reply.location).to.equal(undefined)
      }
      const refusals = await eventsOf(server, 'auth.request.refused')
      expect(refusals.length).to.be.above(0)
      const good = { 'sec-fetch-site': 'same-origin' }
      expect((await mind.submit(page, credentials(), { headers: good })).status).to.equal(200)
    })

    it('only flat, once, small, and as a form', async () => {
      const mind = browser()
      const { page } = await open(mind)
      const csrf = page.forms()[0]!.fields.get('csrf')!
      const origin = server.issuer
      const form = 'application/x-www-form-urlencoded'
      const send = (body: string, type = form) =>
        mind.request('POST', page.url, { body, headers: { 'content-type': type, origin } })
      const base = `csrf=${encodeURIComponent(csrf)}`
      for (const [body, status] of [
        [`${base}&login=a&login=b&password=c`, 400],
        [`${base}&login[]=a&password=c`, 400],
        [`${base}&login=a&password[$ne]=c`, 400],
        [`${base}&login=a%00b&password=c`, 400],
        [`${base}&login=%zz&password=c`, 400],
        [
          `${base}&${'x=y&'.repeat(1)}${Array.from({ length: 10_000 }, (_, i) => `f${i}=x`).join('&')}`,
          413,
        ],
        [`${base}&login=${'a'.repeat(5_000_000)}`, 413],
        [`${base}&login=${'a'.repeat(400)}&password=b`, 400],
      ] as const) {
        const reply = await send(body).catch((error: NodeJS.ErrnoException) => error)
        // A body that nobody reads to its end may meet a closed connection.
        if (reply instanceof Error) expect(reply.code).to.match(/EPIPE|ECONNRESET/)
        else expect(reply.status, body.slice(csrf.length + 5, csrf.length + 60)).to.equal(status)
      }
      const json = JSON.stringify({ csrf, login: ada.email, password: { $ne: '' } })
      expect((await send(json, 'application/json')).status).to.equal(415)
      expect((await mind.submit(page, credentials())).status).to.equal(200)
    })

    it('that is empty as one that is not filled in', async () => {
      const mind = browser()
      const { page } = await open(mind)
      for (const fields of [
        { login: '', password: '' },
        { login: '   ', password: 'x' },
        { login: ada.email, password: '' },
      ]) {
        const reply = await mind.submit(page, fields)
        expect(reply.status).to.equal(422)
        expect(stepOf(reply)).to.equal('login')
      }
    })
  })

  describe('keep their secrets', () => {
    it('saying the same of a wrong password, of nobody, and of somebody who is disabled', async () => {
      const { disableAccount } = await import('../../src/domain/accounts/block_account.ts')
      const gone = await addPerson(server)
      await disableAccount(server.parts, gone.id)
      const replies = []
      for (const login of [
        ada.email,
        'nobody@example.test',
        gone.email,
        'not an address',
        ada.email.toUpperCase(),
      ]) {
        const mind = browser({ headers: fromSomewhere() })
        const { page } = await open(mind)
        const reply = await mind.submit(page, { login, password: 'wrong password' })
        replies.push(
          `${reply.status} ${Object.keys(reply.headers).sort()} ${reply.body
            .replaceAll(login, '')
            .replace(/[\w-]{43,}/g, '')}`,
        )
      }
      expect(new Set(replies).size).to.equal(1)
      expect(replies[0]).to.match(/^422/)
      const failed = await eventsOf(server, 'auth.login.failed')
      expect(failed.map(({ data }) => data['reason'])).to.include.members([
        'wrong_password',
        'unknown_identifier',
        'account_disabled',
      ])
      expect(JSON.stringify(failed)).not.to.include('wrong password').and.not.to.include('nobody@')
    })

    it('echoing nothing that was typed as markup', async () => {
      const mind = browser()
      const { page } = await open(mind)
      const login = '"><script>alert(1)</script>'
      const reply = await mind.submit(page, { login, password: '"><img src=x onerror=y>' })
      expect(reply.forms()[0]!.fields.get('login')).to.equal(login)
      expect(reply.body).not.to.include('<script>alert').and.not.to.include('<img src=x')
      expect(reply.body).not.to.include('onerror=y')
    })

    it('asking whoever guesses to wait', async () => {
      const victim = await addPerson(server)
      const mind = browser({ headers: fromSomewhere() })
      const { page } = await open(mind)
      let last = page
      for (let attempt = 0; attempt < 12; attempt++) {
        last = await mind.submit(page, { login: victim.email, password: `guess ${attempt}` })
      }
      expect(last.status).to.equal(429)
      expect(Number(last.headers['retry-after'])).to.be.above(0)
      const right = await mind.submit(page, credentials(victim))
      expect(right.status, 'the right password says nothing more').to.equal(429)
      const event = (await eventsOf(server, 'auth.login.throttled')).at(-1)
      expect(event).to.deep.include({ subject: victim.id })
    })
  })

  describe('belong to one browser', () => {
    it('so that another one that knows the address gets in nowhere', async () => {
      const [alice, eve] = [browser(), browser()]
      const { page, checks } = await open(alice)
      await open(eve)
      const uid = uidOf(page)
      for (const path of ['', '/login', '/consent', '/select_account']) {
        expectWayOn(await eve.get(`${server.issuer}/interaction/${uid}${path}`))
      }
      for (const path of ['/login', '/consent', '/cancel', '/select_account']) {
        const reply = await eve.post(
          `${server.issuer}/interaction/${uid}${path}`,
          { ...Object.fromEntries(page.forms()[0]!.fields), ...credentials() },
          { headers: { origin: server.issuer } },
        )
        expectWayOn(reply)
      }
      expectWayOn(await eve.get(`${server.issuer}/authorize/${uid}`))
      expect(await subjectAt(await finish(alice, page), checks)).to.equal(ada.id)
    })

    it('also where the other one holds the cookie of its own request', async () => {
      const [alice, eve] = [browser(), browser()]
      const { page } = await open(alice)
      const hers = (await open(eve)).page
      const stolen = await eve.jar.getCookies(hers.url)
      const cookie = stolen.map(({ key, value }) => `${key}=${value}`).join('; ')
      const reply = await browser().get(page.url, { headers: { cookie } })
      expectWayOn(reply)
    })

    it('and nobody’s where there is none of that name', async () => {
      for (const uid of ['nobody', 'x'.repeat(43), '%20', '__proto__']) {
        for (const path of [
          `/interaction/${uid}`,
          `/interaction/${uid}/login`,
          `/authorize/${uid}`,
        ]) {
          const reply = await browser().get(`${server.issuer}${path}`)
          expect(reply.status, path).to.be.within(400, 404)
        }
      }
    })
  })

  describe('go one step after the other', () => {
    it('so that no step opens another', async () => {
      const mind = browser()
      const { page } = await open(mind)
      const base = `${server.issuer}/interaction/${uidOf(page)}`
      const { csrf = '' } = Object.fromEntries(page.forms()[0]!.fields)
      for (const [path, fields] of [
        ['/consent', { csrf }],
        ['/select_account', { csrf, account: ada.id }],
        ['/consent', { csrf, account: ada.id, accountId: ada.id }],
        ['/login', { csrf }],
        ['/login', {}],
      ] as const) {
        const reply = await mind.post(`${base}${path}`, fields as never, {
          headers: { origin: server.issuer },
        })
        const end = await mind.followAll(reply, ours)
        expect(end.location ?? '', path).not.to.include('code=')
      }
      const resumed = await mind.get(`${server.issuer}/authorize/${uidOf(page)}`)
      expect(resumed.location ?? '').not.to.include('code=')
    })

    it('and each address sends to the one that is due', async () => {
      const mind = browser()
      const { page } = await open(mind)
      const base = `${server.issuer}/interaction/${uidOf(page)}`
      for (const path of ['/consent', '/select_account']) {
        expect(stepOf(await mind.followAll(await mind.get(`${base}${path}`)))).to.equal('login')
      }
    })
  })

  describe('bear whatever people do', () => {
    it('sending the password twice at once', async () => {
      const mind = browser()
      const { page, checks } = await open(mind)
      const replies = await atOnce(2, (gate) => mind.submit(page, credentials(), { gate }))
      for (const reply of replies) expect(reply.status).to.equal(200)
      expect(await subjectAt(await finish(mind, replies[0]!), checks)).to.equal(ada.id)
    })

    it('allowing twice at once: one code', async () => {
      const mind = browser()
      const first = await open(mind, { prompt: 'consent' })
      const consent = await mind.followAll(await mind.submit(first.page, credentials()))
      expect(stepOf(consent)).to.equal('consent')
      const replies = await atOnce(2, (gate) => mind.submit(consent, {}, { button: 'Allow', gate }))
      const ends = await Promise.all(replies.map((reply) => mind.followAll(reply, ours)))
      for (const end of ends) expect(end.status).to.be.below(500)
      const codes = ends.flatMap(({ location }) => (location?.includes('code=') ? [location] : []))
      expect(codes).to.have.length.within(1, 2)
      const exchanged = await Promise.all(
        codes.map((code) =>
          post(
            server,
            '/token',
            client,
            exchangeFields({ callback: new URL(code), checks: first.checks }),
          ),
        ),
      )
      expect(exchanged.some(({ status }) => status === 200)).to.equal(true)
    })

    it('coming back to an address that was used', async () => {
      const mind = browser()
      const { page } = await open(mind)
      const uid = uidOf(page)
      await finish(mind, page)
      for (const path of [
        `/authorize/${uid}`,
        `/interaction/${uid}`,
        `/interaction/${uid}/login`,
        `/interaction/${uid}/consent`,
      ]) {
        const reply = await mind.get(`${server.issuer}${path}`)
        expectWayOn(reply)
        expect(reply.body, path).to.match(/The diary/)
      }
      const again = await mind.submit(page, credentials())
      expectWayOn(again)
    })

    it('coming too late: the way back into the same request', async () => {
      const mind = browser()
      const { page, checks } = await open(mind)
      await rows(
        server.parts.db,
        `UPDATE oidc_record SET expires_at = now() - interval '1 hour', payload = jsonb_set(
           payload::jsonb, '{exp}', to_jsonb((payload ->> 'exp')::integer - 3600))::json
          WHERE model = 'Interaction' AND id_hash = $1`,
        [server.parts.codec.idHash(uidOf(page))],
      )
      await letRequestExpire(server, mind, page.url)
      const late = await mind.submit(page, credentials())
      expectWayOn(late)
      const restart = /id="restart" href="([^"]+)"/.exec(late.body)?.[1]?.replaceAll('&amp;', '&')
      expect(restart).to.match(/^\/authorize\?/)
      const fresh = await mind.followAll(
        await mind.get(new URL(restart!, server.issuer).href),
        ours,
      )
      expect(stepOf(fresh)).to.equal('login')
      expect(await subjectAt(await finish(mind, fresh), checks)).to.equal(ada.id)
    })

    it('keeping no cookies: they are told what to do', async () => {
      const { url } = await authorizationRequest(party)
      const start = await browser().get(url.href)
      const bare = await browser().get(start.location!)
      expectWayOn(bare)
      expect(bare.text()).to.match(/cookie/i)
    })

    it('having two requests open in two tabs: each is its own', async () => {
      const mind = browser()
      const other = await addClient(server, { name: 'The other one' })
      const at = await relyingParty(server, other)
      const one = await open(mind)
      const two = await open(mind, {}, at)
      expect(two.page.text()).to.include('The other one')
      const first = await finish(mind, one.page)
      expect(await subjectAt(first, one.checks)).to.equal(ada.id)
      const still = await mind.get(two.page.url)
      expect(still.status).to.equal(200)
      const second = await finish(mind, still)
      expect(await subjectAt(second, two.checks, other)).to.equal(ada.id)
    })

    it('signing in as somebody else in the second tab', async () => {
      const bob = await addPerson(server)
      const mind = browser()
      const one = await open(mind)
      const two = await open(mind)
      const first = await finish(mind, one.page)
      expect(await subjectAt(first, one.checks)).to.equal(ada.id)
      const second = await finish(mind, two.page, bob).catch((error: Error) => error)
      if (second instanceof Error) {
        const reply = await mind.get(two.page.url)
        expect(reply.status).to.be.below(500)
      } else {
        expect(await subjectAt(second, two.checks)).to.equal(bob.id)
      }
    })
  })

  describe('when somebody else signs in with the browser', () => {
    it('lets the session of the one before wait, and gives nobody the other’s tokens', async () => {
      const bob = await addPerson(server)
      const { alice, callback, checks } = await authorize(server, party, ada, {
        parameters: { scope: 'openid' },
      })
      const hers = await tokensAt(callback, checks)
      const next = await open(alice, { scope: 'openid', prompt: 'login' })
      const at = await finish(alice, next.page, bob)
      expect(await subjectAt(at, next.checks)).to.equal(bob.id)
      const { url } = await authorizationRequest(party, { prompt: 'none', scope: 'openid' })
      expect((await userinfo(server, hers.access_token)).json()).to.include({ sub: ada.id })
      const now = await alice.get(url.href)
      expect(new URL(now.location!).searchParams.get('code')).to.be.a('string')
      const chooser = await open(alice, { scope: 'openid', prompt: 'select_account' })
      expect(chooser.page.body).to.include(ada.id).and.include(bob.id)
    })

    it('leaves the tokens that were meant to last', async () => {
      const bob = await addPerson(server)
      const { alice, callback, checks } = await authorize(server, party, ada, {
        parameters: { scope: 'openid offline_access', prompt: 'consent' },
      })
      const lasting = await tokensAt(callback, checks)
      const next = await open(alice, { scope: 'openid', prompt: 'login' })
      await finish(alice, next.page, bob)
      const later = expectTokens(await refresh(server, client, lasting.refresh_token!))
      expect((await userinfo(server, later.access_token)).json()).to.include({ sub: ada.id })
    })
  })

  describe('the session', () => {
    const sessionOf = async (mind: Browser) =>
      (await mind.jar.getCookies(server.issuer)).find(({ key }) => key === 'authcore_session')
        ?.value

    it('has another name after signing in than before, and after signing in again', async () => {
      const mind = browser()
      await mind.get(`${server.issuer}/device`)
      const before = await sessionOf(mind)
      const first = await open(mind)
      await finish(mind, first.page)
      const after = await sessionOf(mind)
      expect(after).to.be.a('string').and.not.to.equal(before)
      const again = await open(mind, { prompt: 'login' })
      await finish(mind, again.page)
      expect(await sessionOf(mind)).not.to.equal(after)
    })

    it('lasts as long as the browser is open, and longer only for who asked for that', async () => {
      for (const remember of [undefined, 'yes']) {
        const mind = browser()
        const { page } = await open(mind)
        const fields = { ...credentials(), ...(remember ? { remember } : {}) }
        await finish(mind, await mind.submit(page, fields))
        const cookies = await mind.jar.getCookies(server.issuer)
        const session = cookies.find(({ key }) => key === 'authcore_session')!
        const days = (session.expiryTime()! - Date.now()) / 86_400_000
        if (remember) expect(days).to.be.closeTo(30, 0.1)
        else expect(days).to.equal(Number.POSITIVE_INFINITY)
      }
    })

    it('takes no name that somebody else chose', async () => {
      const mind = browser()
      const cookie = 'authcore_session=chosen-by-somebody-else'
      await mind.jar.setCookie(`${cookie}; Path=/`, server.issuer)
      const { page } = await open(mind)
      await finish(mind, page)
      expect(await sessionOf(mind)).not.to.equal('chosen-by-somebody-else')
    })

    it('of before the sign-in opens nothing after it', async () => {
      const mind = browser()
      await mind.get(`${server.issuer}/device`)
      const planted = browser()
      for (const cookie of await mind.jar.getCookies(server.issuer)) {
        await planted.jar.setCookie(cookie.toString(), server.issuer)
      }
      const { page } = await open(mind)
      await finish(mind, page)
      const { url } = await authorizationRequest(party, { prompt: 'none' })
      const reply = await planted.get(url.href)
      expect(new URL(reply.location!).searchParams.get('error')).to.equal('login_required')
    })
  })

  it('lead to no other address than the client’s', async () => {
    const mind = browser()
    const headers = { 'x-forwarded-host': 'evil.test', host: 'evil.test' }
    const { url } = await authorizationRequest(party, {})
    for (const extra of ['returnTo', 'next', 'continue', 'return_to', 'redirect']) {
      url.searchParams.set(extra, 'https://evil.test/')
    }
    let page = await mind.get(url.href, { headers })
    for (let step = 0; step < 3 && page.location; step++) {
      expect(page.location).to.satisfy((uri: string) => uri.startsWith(server.issuer))
      page = await mind.get(page.location, { headers })
    }
    expect(page.body).not.to.match(/(href|action)="(https?:)?\/\/evil/)
    const callback = await finish(mind, page)
    expect(callback.href).to.satisfy((uri: string) => uri.startsWith(CALLBACK))
  })
})

/** The cookie that remembers the request, as it is once the request's time is over. */
async function letRequestExpire({ parts }: AuthCore, { jar }: Browser, url: string): Promise<void> {
  const place = 'cookie:request'
  for (const cookie of await jar.getCookies(url)) {
    if (cookie.key !== 'authcore_request') continue
    const sealed = Buffer.from(cookie.value, 'base64url')
    const request = JSON.parse(parts.keyring.open(sealed, place).toString()) as { exp: number }
    const over = JSON.stringify({ ...request, exp: request.exp - 3_600 })
    cookie.value = parts.keyring.seal(over, place).toString('base64url')
    await jar.setCookie(cookie, url)
  }
}
