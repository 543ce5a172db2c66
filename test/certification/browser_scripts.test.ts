import { expect } from 'chai'
import * as oidc from 'openid-client'
import type { Places } from '../../certification/plans/browser.ts'
import { planConfig } from '../../certification/plans/plan_config.ts'
import { type Planned, plannedFor } from '../../certification/plans/planned.ts'
import { MODULE_SCRIPTS, SCRIPTS, type ScriptName } from '../../certification/tables/scripts.ts'
import { SELECTORS } from '../../certification/tables/selectors.ts'
import { post } from '../protocol/driver.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { type Imitation, startImitation } from './support/imitation_suite.ts'
import {
  type ScriptedBrowser,
  type ScriptedBrowserOptions,
  scriptedBrowser,
} from './support/scripted_browser.ts'

/** Every script that the suite gets, done on the live pages; every row of the table of selectors. */

describe('the scripts for the browser of the conformance suite', () => {
  let server: AuthCore
  let imitation: Imitation
  let at: Places
  let client: Awaited<ReturnType<typeof addClient>>
  let party: RelyingParty
  const found = new Set<string>()
  const tried = new Set<ScriptName>()

  before(async () => {
    server = await startAuthCore()
    imitation = await startImitation({ plans: {} })
  })
  after(async () => {
    await imitation.stop()
    await server.stop()
  })

  /** Nobody has allowed this client anything yet. */
  beforeEach(async () => {
    const person = await addPerson(server)
    at = {
      op: server.issuer,
      suite: imitation.url,
      alias: 'an-alias',
      login: person.email,
      password: person.password,
    }
    const base = `${imitation.url}/test/a/an-alias`
    client = await addClient(server, {
      metadata: {
        redirect_uris: [`${base}/callback`],
        post_logout_redirect_uris: [`${base}/post_logout_redirect`],
        policy_uri: 'https://rp.example.test/policy',
      },
    })
    party = await relyingParty(server, client, { redirectUri: `${base}/callback` })
  })

  function open(script: ScriptName, options: ScriptedBrowserOptions = {}): ScriptedBrowser {
    tried.add(script)
    return scriptedBrowser(SCRIPTS[script](at), { onFound: (id) => found.add(id), ...options })
  }

  async function request(parameters: Record<string, string> = {}): Promise<string> {
    return (await authorizationRequest(party, parameters)).url.href
  }

  const answerOf = (url: string) => new URL(url).searchParams

  for (const refreshes of [true, false]) {
    const how = refreshes ? 'follows' : 'does not follow'
    it(`go through login and consent to the client, in a browser that ${how} refreshes`, async () => {
      const browser = open('usual', { refreshes })
      const first = await browser.visit(await request())
      expect(first.tasks).to.deep.equal(['Sign in', 'Allow', 'Arrive at the client'])
      expect(first.url).to.match(/^http.*\/test\/a\/an-alias\/callback\?code=/)
      const second = await browser.visit(await request({ prompt: 'none' }))
      expect(second.tasks).to.deep.equal(['Arrive at the client'])
      expect(answerOf(second.url).get('code')).to.be.a('string')
    })

    it(`send an answer that is a form, in a browser that ${how} refreshes`, async () => {
      const visit = await open('usual', { refreshes }).visit(
        await request({ response_mode: 'form_post' }),
      )
      expect(visit.tasks).to.include.members(['Sign in', 'Allow', 'Arrive at the client'])
      expect(visit.url).to.equal(`${imitation.url}/test/a/an-alias/callback`)
    })
  }

  it('take the picture of a second login, and none where nobody wants one', async () => {
    const browser = open('usual')
    const first = await browser.visit(await request())
    expect(first.picture).to.equal(undefined)
    const second = await browser.visit(await request({ prompt: 'login' }), { placeholder: true })
    expect(second.picture).to.include('id="login-form"')
    expect(answerOf(second.url).get('code')).to.be.a('string')
  })

  it('fail where somebody cannot sign in', async () => {
    at = { ...at, password: 'not the password at all' }
    const error = await open('usual')
      .visit(await request())
      .catch((reason: Error) => reason)
    expect(error).to.be.instanceOf(Error)
    expect((error as Error).message).to.match(/^unexpected url for task Arrive at the client/)
  })

  it('see an error page that leads nowhere, and take its picture', async () => {
    const url = await request({ redirect_uri: `${imitation.url}/test/a/an-alias/callback/other` })
    const visit = await open('errorPage').visit(url, { placeholder: true })
    expect(visit.url).to.match(/\/authorize\?/)
    expect(visit.picture).to.include('id="oauth-error"')
  })

  it('do not take an answer to the client for an error page', async () => {
    const error = await open('errorPage')
      .visit(await request({ prompt: 'none' }), { placeholder: true })
      .catch((reason: Error) => reason)
    expect((error as Error).message).to.match(/^unexpected url for task See the error page/)
  })

  it('bear an error page and an answer where both are right', async () => {
    const page = await request({ redirect_uri: 'https://elsewhere.example/' })
    const asPage = await open('either').visit(page, { placeholder: true })
    expect(asPage.picture).to.include('id="oauth-error"')
    const redirect = await open('either').visit(await request({ response_type: 'nonsense' }), {
      placeholder: true,
    })
    expect(answerOf(redirect.url).get('error')).to.equal('unsupported_response_type')
    expect(redirect.picture).to.equal(undefined)
    const through = await open('either').visit(await request())
    expect(answerOf(through.url).get('code')).to.be.a('string')
  })

  for (const refreshes of [true, false]) {
    it(`say no at the login and at the consent page (refreshes: ${refreshes})`, async () => {
      const browser = open('cancel', { refreshes })
      const stranger = await browser.visit(await request())
      expect(answerOf(stranger.url).get('error')).to.equal('access_denied')
      const known = open('usual')
      await known.visit(await request({ scope: 'openid' }))
      for (const { key, value } of await known.http.jar.getCookies(at.op)) {
        await browser.http.jar.setCookie(`${key}=${value}; Path=/`, at.op)
      }
      const asked = await browser.visit(await request({ scope: 'openid profile email' }))
      expect(answerOf(asked.url).get('error')).to.equal('access_denied')
    })
  }

  it('look at the login page first, and go through with the same pushed request', async () => {
    const { url } = await authorizationRequest(party)
    const pushed = await post(server, '/par', client, Object.fromEntries(url.searchParams))
    const { request_uri } = pushed.json<{ request_uri: string }>()
    const again = `${at.op}/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri })}`
    const browser = open('lookFirst')
    const looked = await browser.visit(again, { placeholder: true })
    expect(looked.tasks).to.deep.equal(['See the login page'])
    expect(looked.picture).to.include('id="login-form"')
    const through = await browser.visit(again)
    expect(answerOf(through.url).get('code')).to.be.a('string')
    const used = await open('either').visit(again, { placeholder: true })
    expect(used.picture).to.include('id="oauth-error"')
  })

  it('take the picture of what a client says about itself, where it is said', async () => {
    const visit = await open('seeConsent').visit(await request(), { placeholder: true })
    expect(visit.picture).to.include('https://rp.example.test/policy')
    expect(answerOf(visit.url).get('code')).to.be.a('string')
  })

  async function signedIn(script: ScriptName) {
    const browser = open(script)
    const { url, checks } = await authorizationRequest(party)
    const { url: callback } = await browser.visit(url.href)
    const tokens = await oidc.authorizationCodeGrant(party.configuration, new URL(callback), checks)
    return { browser, idToken: tokens.id_token ?? '' }
  }

  const logout = (parameters: Record<string, string>) =>
    `${at.op}/logout?${new URLSearchParams(parameters)}`

  it('log out and return to the client', async () => {
    const { browser, idToken } = await signedIn('usual')
    const post_logout_redirect_uri = `${at.suite}/test/a/an-alias/post_logout_redirect`
    const visit = await browser.visit(
      logout({ id_token_hint: idToken, post_logout_redirect_uri, state: 'a-state' }),
    )
    expect(visit.tasks).to.deep.equal(['Log out', 'Arrive logged out'])
    expect(visit.url).to.equal(`${post_logout_redirect_uri}?state=a-state`)
    const after = await browser.visit(await request({ prompt: 'none' }))
    expect(answerOf(after.url).get('error')).to.equal('login_required')
  })

  it('log out and stay, with the picture of it', async () => {
    const { browser, idToken } = await signedIn('logoutStays')
    for (const parameters of [{}, { state: 'only' }, { id_token_hint: idToken }]) {
      await browser.visit(await request())
      const visit = await browser.visit(logout(parameters), { placeholder: true })
      expect(visit.tasks).to.deep.equal(['Log out', 'See that nobody is signed in'])
      expect(visit.picture).to.include('id="continue"')
      const after = await browser.visit(await request({ prompt: 'none' }))
      expect(answerOf(after.url).get('error')).to.equal('login_required')
    }
  })

  it('see that a bad logout is refused, or asked about, and stay with us', async () => {
    const { browser, idToken } = await signedIn('logoutRefused')
    const registered = `${at.suite}/test/a/an-alias/post_logout_redirect`
    const requests = {
      'a bad address': { id_token_hint: idToken, post_logout_redirect_uri: `${registered}/bad` },
      'a query added': {
        id_token_hint: idToken,
        post_logout_redirect_uri: `${registered}?foo=bar`,
      },
      'no hint': { post_logout_redirect_uri: registered },
      'a hint of nobody': { id_token_hint: 'e30.e30.', post_logout_redirect_uri: registered },
    }
    for (const [what, parameters] of Object.entries(requests)) {
      const visit = await browser.visit(logout(parameters), { placeholder: true })
      expect(visit.url, what).to.match(/\/logout\?/)
      expect(visit.picture, what).to.match(/id="(oauth-error|logout-form)"/)
    }
  })

  it('reach the suite in the configuration of a plan: the usual one, and those of modules', () => {
    const [planned] = plannedFor(['basic'], { aliasPrefix: 'x', oneAlias: true }) as [Planned]
    const { browser, override } = planConfig(planned, [], at)
    expect(browser).to.deep.equal(SCRIPTS.usual(at))
    expect(Object.keys(override)).to.deep.equal(Object.keys(MODULE_SCRIPTS))
    for (const [module, script] of Object.entries(MODULE_SCRIPTS)) {
      expect(override[module]?.browser, module).to.deep.equal(SCRIPTS[script](at))
    }
  })

  it('were all tried here, and found every row of the table of selectors', () => {
    expect([...tried].sort()).to.deep.equal(Object.keys(SCRIPTS).sort())
    expect([...found].sort()).to.include.members(Object.values(SELECTORS).sort())
  })
})

describe('the stand-in for that browser', () => {
  const server = { url: '' }
  let imitation: Imitation
  before(async () => {
    imitation = await startImitation({ plans: {} })
    server.url = `${imitation.url}/test/a/x/callback`
  })
  after(() => imitation.stop())

  const FAULTS: [what: string, command: (string | number)[], words: RegExp][] = [
    ['an element that is not there', ['wait', 'id', 'absent', 1], /^Timed out/],
    ['a text that is another', ['wait', 'id', 'submission_complete', 1, 'Begun'], /^Timed out/],
    ['an address that is another', ['wait', 'contains', '/elsewhere', 1], /^Timed out/],
    ['a click on nothing', ['click', 'id', 'absent'], /^no absent/],
    ['what should be gone', ['wait-element-invisible', 'id', 'submission_complete', 1], /^Timed/],
    ['what should be seen', ['wait-element-visible', 'class', 'absent', 1], /^Timed out/],
    ['a word that it does not know', ['hover', 'id', 'submission_complete'], /^Invalid Command/],
    ['an action that it does not know', ['wait', 'css', 'div', 1, '.', 'paint'], /^Invalid action/],
    [
      'a picture nobody wants',
      ['wait', 'css', 'div', 1, '.', 'update-image-placeholder'],
      /^no plac/,
    ],
  ]
  for (const [what, command, words] of FAULTS) {
    it(`fails at ${what}`, async () => {
      const script = [{ match: '*', tasks: [{ task: 'It', commands: [command] }] }]
      const error = await scriptedBrowser(script)
        .visit(server.url)
        .catch((reason: Error) => reason)
      expect((error as Error).message).to.match(words)
    })
  }

  it('fails where no script matches', async () => {
    const error = await scriptedBrowser([{ match: 'https://*', tasks: [] }])
      .visit(server.url)
      .catch((reason: Error) => reason)
    expect((error as Error).message).to.match(/^no script matches/)
  })
})
