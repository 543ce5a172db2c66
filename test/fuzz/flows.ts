import { randomToken } from '../../src/core/secrets.ts'
import { signWebhook } from '../../src/core/standard_webhooks.ts'
import {
  basic,
  clientAssertion,
  dpopProof,
  exchangeFields,
  introspect,
  post,
  refresh,
  signingParty,
  startDevice,
  type TestClient,
  type Tokens,
} from '../protocol/driver.ts'
import { API, addPerson, CALLBACK, type Person } from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorizationRequest, goThrough } from '../support/relying_party.ts'
import { assertionXml, idOf, logoutXml, responseXml, signElement } from '../support/saml_forge.ts'
import { oddText } from './odd_values.ts'
import { IDP_ENTITY, type Place } from './place.ts'
import type { Random } from './random.ts'
import type { Field, FuzzRequest } from './request.ts'
import { mountedRoutes } from './routes.ts'

/**
 * What honest people, clients and sources do, told as the requests that they are about to send: each
 * is handed out first, with everything live in it (cookies, codes, tokens), to be tried in other
 * shapes, and then done as it should be. Where one of those shapes has used something up, the flow
 * ends there.
 */
export type Flow = (scene: Scene) => AsyncGenerator<FuzzRequest, void, void>

export type Scene = {
  place: Place
  random: Random
  /** Has to stay out of the log from now on. */
  keepSecret(...values: (string | undefined)[]): void
}

export const FLOWS: Record<string, Flow> = {
  sign_in: signIn,
  other_pages: otherPages,
  account: account,
  tokens: tokens,
  machines: machines,
  device: device,
  approvals: approvals,
  registration: registration,
  saml: saml,
  reports: reports,
  every_route: everyRoute,
}

// People

async function* signIn(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const person = await newPerson(scene)
  const alice = visitor(random)
  const { url } = await authorizationRequest(place.party, { scope: 'openid email offline_access' })
  yield await asking(alice, url.href)
  const page = await alice.followAll(await alice.get(url.href), leaves(place))
  keepCookies(scene, alice, place)
  yield await asking(alice, page.url)
  yield* everyForm(scene, alice, page, person)
  const answer = await alice.submit(page, { login: person.email, password: person.password })
  if (!answer.location) return
  const consent = await alice.followAll(answer, leaves(place))
  keepCookies(scene, alice, place)
  yield await asking(alice, consent.url)
  if (consent.forms().length === 0) return
  yield* everyForm(scene, alice, consent, person)
  const leaving = await alice.submit(consent, {}, { button: 'Allow' })
  if (leaving.location) yield await asking(alice, leaving.location)
}

/** The pages beside the straight way: they are asked for by hand, as their links are only there at times. */
const STEPS = [
  ...['sign_up', 'forgot_password', 'email_sign_in', 'email_code', 'verify_email', 'verify_phone'],
  ...['second_factor', 'enrol_factor', 'select_account', 'link_account', 'confirm_sign_in'],
  ...['accept_terms', 'complete_profile', 'consent', 'connections/saml', 'connections/away'],
]

async function* otherPages(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const person = await newPerson(scene)
  const alice = visitor(random)
  const { url } = await authorizationRequest(place.party)
  const page = await alice.followAll(await alice.get(url.href), leaves(place))
  const interaction = page.url.replace(/\/login$/, '')
  for (const step of STEPS) {
    const uri = `${interaction}/${step}`
    yield await asking(alice, uri)
    const shown = await alice.get(uri)
    if (shown.status === 200) yield* everyForm(scene, alice, shown, person)
    if (step === 'sign_up' || step === 'forgot_password' || step === 'email_sign_in') {
      // Going on opens the page of the code that was sent.
      if (shown.forms().length > 0) await alice.submit(shown, guess(shown, 0, person, random))
    }
  }
}

const ACCOUNT_PAGES = (place: Place) =>
  mountedRoutes(place.inside.parts)
    .filter(({ path, methods }) => path.startsWith('/account') && methods.includes('GET'))
    .map(({ path }) => path)

async function* account(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const { issuer } = place.inside
  for (const path of ACCOUNT_PAGES(place)) {
    // What a page is for may end the person's access: each begins with somebody else.
    if (!random.chance(0.35)) continue
    const person = await newPerson(scene)
    const alice = visitor(random)
    try {
      await goThroughAccount(alice, `${issuer}${path}`, person, issuer)
    } catch {
      return
    }
    keepCookies(scene, alice, place)
    const page = await alice.get(`${issuer}${path}`)
    yield await asking(alice, page.url)
    if (page.status === 200) yield* everyForm(scene, alice, page, person)
  }
}

async function goThroughAccount(alice: Browser, uri: string, person: Person, issuer: string) {
  const start = await alice.followAll(await alice.get(uri))
  if (start.url.endsWith('/login')) {
    await alice.followAll(
      await alice.submit(start, { login: person.email, password: person.password }),
      (location) => !location.startsWith(issuer),
    )
  }
}

// Clients

async function* tokens(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const { web, inside } = place
  const person = await newPerson(scene)
  const parameters = { scope: 'openid email offline_access', prompt: 'consent' }
  const alice = visitor(random)
  const { url, checks } = await authorizationRequest(place.party, parameters)
  const callback = await goThrough(alice, await alice.get(url.href), person, inside.issuer)
  const fields = exchangeFields({ callback, checks })
  scene.keepSecret(fields.code, fields.code_verifier)
  yield form(place, '/token', fields, web)
  const reply = await post(inside, '/token', web, fields)
  if (reply.status !== 200) return
  const got = reply.json<Tokens>()
  scene.keepSecret(got.access_token, got.refresh_token, got.id_token)
  yield get(place, '/userinfo', { Authorization: `Bearer ${got.access_token}` })
  yield form(place, '/userinfo', { access_token: got.access_token })
  yield form(place, '/introspect', { token: got.access_token }, place.guard)
  await introspect(inside, place.guard, got.access_token)
  const asked = { grant_type: 'refresh_token', refresh_token: got.refresh_token! }
  yield form(place, '/token', asked, web)
  const again = await refresh(inside, web, got.refresh_token!)
  if (again.status === 200) {
    const { refresh_token, access_token } = again.json<Tokens>()
    scene.keepSecret(refresh_token, access_token)
    yield form(place, '/revoke', { token: refresh_token!, token_type_hint: 'refresh_token' }, web)
  }
  const logout = new URLSearchParams({
    id_token_hint: got.id_token!,
    post_logout_redirect_uri: 'https://rp.example.test/bye',
    state: 'x',
  })
  const uri = `${inside.issuer}/logout?${logout}`
  yield await asking(alice, uri)
  const page = await alice.followAll(await alice.get(uri), leaves(place))
  if (page.forms().length > 0) yield* everyForm(scene, alice, page, person)
  await alice.submit(page).catch(() => undefined)
  // Everything once more, now that it is over.
  yield form(place, '/introspect', { token: got.access_token }, place.guard)
  yield form(place, '/token', asked, web)
}

async function* machines(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place } = scene
  const { service, web, inside } = place
  const asked = { grant_type: 'client_credentials', resource: API, scope: 'read' }
  yield form(place, '/token', asked, service)
  const proof = await signingParty()
  const dpop = await dpopProof(proof, 'POST', `${inside.issuer}/token`)
  const signed = form(place, '/token', asked, service)
  signed.headers.push(['DPoP', dpop])
  yield signed
  yield form(place, '/token', {
    ...asked,
    ...(await clientAssertion(inside, service.clientId, proof)),
  })
  yield form(
    place,
    '/token',
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: await jwtLike(proof.alg),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: API,
    },
    service,
  )
  yield form(
    place,
    '/token',
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await jwtLike(proof.alg),
    },
    service,
  )
  const { url } = await authorizationRequest(place.party, {
    claims: '{"id_token":{"email":{"essential":true}},"userinfo":{"name":null}}',
    authorization_details: '[{"type":"payment","amount":1}]',
  })
  const pushed = Object.fromEntries(url.searchParams)
  yield form(place, '/par', pushed, web)
  const reply = await post(inside, '/par', web, { ...pushed, authorization_details: '[]' })
  const request_uri = reply.status === 201 ? reply.json<{ request_uri: string }>().request_uri : 'x'
  yield get(place, '/authorize', {}, { client_id: web.clientId, request_uri })
  yield get(place, '/authorize', {}, { ...pushed, request: await jwtLike('ES256') })
  yield form(place, '/authorize', pushed)
  yield get(
    place,
    '/authorize',
    {},
    {
      ...pushed,
      client_id: 'https://client.example.test/metadata.json',
    },
  )
}

async function* device(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  yield form(place, '/device_authorization', { scope: 'openid' }, place.device)
  const started = await startDevice(place.inside, place.device)
  scene.keepSecret(started.device_code)
  const person = await newPerson(scene)
  const alice = visitor(random)
  const page = await alice.get(`${place.inside.issuer}/device?user_code=${started.user_code}`)
  yield await asking(alice, page.url)
  yield* everyForm(scene, alice, page, person, { user_code: started.user_code })
  yield form(
    place,
    '/token',
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: started.device_code,
    },
    place.device,
  )
  const confirm = await alice.submit(page, { user_code: started.user_code })
  if (confirm.forms().length > 0) yield* everyForm(scene, alice, confirm, person)
}

async function* approvals(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const person = await newPerson(scene)
  const fields = { scope: 'openid', login_hint: person.email, binding_message: 'till 1' }
  yield form(place, '/backchannel_authentication', fields, place.ciba)
  const reply = await post(place.inside, '/backchannel_authentication', place.ciba, fields)
  if (reply.status !== 200) return
  const { auth_req_id } = reply.json<{ auth_req_id: string }>()
  scene.keepSecret(auth_req_id)
  yield form(
    place,
    '/token',
    {
      grant_type: 'urn:openid:params:grant-type:ciba',
      auth_req_id,
    },
    place.ciba,
  )
  const alice = visitor(random)
  const uri = `${place.inside.issuer}/ciba`
  await goThroughAccount(alice, uri, person, place.inside.issuer)
  const page = await alice.get(uri)
  yield await asking(alice, page.url)
  if (page.status === 200) yield* everyForm(scene, alice, page, person)
}

async function* registration(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const metadata = {
    client_name: 'Fuzzed',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: 'openid email',
    contacts: ['ops@rp.example.test'],
    jwks: { keys: [(await signingParty()).jwk] },
    client_uri: 'https://rp.example.test/',
    'client_name#de': 'Name',
    default_max_age: 600,
    require_pushed_authorization_requests: false,
  }
  const create = { ...bare('POST', '/register'), body: { kind: 'json', value: metadata } as const }
  yield create
  const { issuer } = place.inside
  const reply = await browser({ headers: from(random) }).request('POST', `${issuer}/register`, {
    json: { ...metadata, jwks: undefined },
  })
  if (reply.status !== 201) return
  const made = reply.json<Record<string, string>>()
  const token = made['registration_access_token']!
  scene.keepSecret(token, made['client_secret'])
  const path = `/register/${made['client_id']}`
  const headers: [string, string][] = [['Authorization', `Bearer ${token}`]]
  yield { ...bare('GET', path), headers }
  yield {
    ...bare('PUT', path),
    headers,
    body: { kind: 'json', value: { ...metadata, client_id: made['client_id'] } },
  }
  yield { ...bare('DELETE', path), headers }
}

// Sources

async function* saml(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const { issuer } = place.inside
  const uri = (end: string) => `${issuer}/federation/saml/${end}`
  const forge = {
    idpEntityId: IDP_ENTITY,
    spEntityId: uri('metadata'),
    acsUri: uri('callback'),
    now: new Date(),
  }
  const alice = visitor(random)
  const { url } = await authorizationRequest(place.party, { connection: 'saml' })
  const away = await alice.followAll(await alice.get(url.href), leaves(place))
  if (!away.location) return
  const asked = new URL(away.location)
  const RelayState = asked.searchParams.get('RelayState') ?? ''
  const response = (requestId: string | null) => {
    const assertion = assertionXml(forge, requestId, {
      nameId: `person${randomToken().slice(0, 8)}`,
      attributes: { mail: ['someone@idp.example'], displayName: ['Some One'] },
    })
    const signed = signElement(assertion, idOf(assertion, 'Assertion'), place.idp)
    return Buffer.from(responseXml(forge, requestId, signed)).toString('base64')
  }
  const SAMLResponse = response(null)
  scene.keepSecret(SAMLResponse)
  yield form(place, '/federation/saml/callback', { SAMLResponse, RelayState })
  yield get(place, '/federation/saml/callback', {}, { SAMLResponse, RelayState })
  const message = (xml: string) => {
    const signed = signElement(xml, idOf(xml, 'LogoutRequest'), place.idp)
    return Buffer.from(signed).toString('base64')
  }
  const SAMLRequest = message(
    logoutXml(forge, 'LogoutRequest', uri('logout'), {
      content: '<saml:NameID>person</saml:NameID>',
    }),
  )
  yield form(place, '/federation/saml/logout', { SAMLRequest, RelayState })
  yield get(place, '/federation/saml/logout', {}, { SAMLRequest, RelayState })
  yield get(place, '/federation/saml/metadata')
  yield get(place, '/federation/saml/launch', {}, { client_id: place.web.clientId })
  yield form(place, '/federation/away/callback', { code: 'x', state: RelayState })
  yield form(place, '/federation/away/backchannel_logout', { logout_token: await jwtLike('RS256') })
}

async function* reports(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place } = scene
  const report = { id: '01a21c58-a5e4-793c-a11c-8dba30f71895', status: 'delivered' }
  yield {
    ...bare('POST', '/messages/status/hook'),
    body: { kind: 'json', value: report },
    // Signed as it goes out, so that what is wrong with it is read at all.
    sign: (body) => signWebhook(place.hookSecret, { id: 'x', at: new Date(), body }),
  }
  for (const provider of ['twilio', 'vonage', 'mailgun']) {
    yield form(place, `/messages/status/${provider}`, {
      MessageSid: 'x',
      MessageStatus: 'delivered',
      status: 'delivered',
      signature: 'x',
      timestamp: String(Math.floor(Date.now() / 1000)),
      token: randomToken(),
    })
  }
  for (const provider of ['ses', 'sendgrid']) {
    yield {
      ...bare('POST', `/messages/status/${provider}`),
      body: {
        kind: 'json',
        value: {
          Type: 'Notification',
          TopicArn: 'arn:aws:sns:eu-central-1:1:x',
          Message: '{"eventType":"Bounce"}',
          SigningCertURL: 'https://sns.eu-central-1.amazonaws.com/x.pem',
          Signature: 'eA==',
          SignatureVersion: '2',
        },
      },
    }
  }
}

/** All that is mounted, each with a value for what varies, by somebody who is signed in or nobody. */
async function* everyRoute(scene: Scene): AsyncGenerator<FuzzRequest> {
  const { place, random } = scene
  const person = await newPerson(scene)
  const alice = visitor(random)
  const { issuer } = place.inside
  await goThroughAccount(alice, `${issuer}/account`, person, issuer)
  keepCookies(scene, alice, place)
  const { url } = await authorizationRequest(place.party, { prompt: 'login' })
  const page = await alice.followAll(await alice.get(url.href), leaves(place))
  const uid = /interaction\/([^/]+)/.exec(page.url)?.[1] ?? 'x'
  const values: Record<string, string[]> = {
    uid: [uid, uid, 'x', randomToken()],
    name: ['saml', 'away', 'nobody'],
    clientId: [place.web.clientId, 'x'],
    client_id: [place.web.clientId, 'x'],
    id: ['01a21c58-a5e4-793c-a11c-8dba30f71895', 'x'],
    kind: ['sign_in_code', 'x'],
    channel: ['email', 'sms'],
    locale: ['en', 'ar', 'x'],
  }
  for (const route of mountedRoutes(place.inside.parts)) {
    const path = route.path.replace(/:(\w+)/g, (_, name: string) => {
      return random.pick(values[name] ?? ['x'])
    })
    for (const method of route.methods) {
      if (method === 'HEAD') continue
      const request = await asking(random.chance(0.7) ? alice : visitor(random), `${issuer}${path}`)
      request.method = method
      request.headers.push(['Origin', issuer])
      if (method !== 'GET') {
        const name = random.pick(['id', 'csrf', 'code', 'password', 'email', 'phone', 'token'])
        request.body = { kind: 'form', fields: [{ name, value: oddText(random) }] }
      }
      request.asIs = true
      yield request
    }
  }
}

// Helpers

async function newPerson({ place, keepSecret }: Scene): Promise<Person> {
  const person = await addPerson(place.inside, {
    email: `${randomToken().slice(0, 16).toLowerCase()}@example.test`,
  })
  keepSecret(person.password, person.email)
  return person
}

function from(random: Random): Record<string, string> {
  return { 'X-Forwarded-For': `10.${random.int(250)}.${random.int(250)}.${1 + random.int(250)}` }
}

function visitor(random: Random): Browser {
  return browser({ headers: from(random) })
}

function leaves({ inside }: Place): (location: string) => boolean {
  return (location) => !location.startsWith(inside.issuer)
}

function keepCookies({ keepSecret }: Scene, alice: Browser, { inside }: Place): void {
  for (const path of ['/', '/interaction/x', '/authorize/x']) {
    const cookies = alice.jar.getCookiesSync(`${inside.issuer}${path}`)
    const secrets = cookies.filter(({ key, value }) => !key.endsWith('locale') && value.length > 15)
    keepSecret(...secrets.map(({ value }) => value))
  }
}

function bare(method: string, path: string): FuzzRequest {
  return { method, path, query: [], headers: [], body: { kind: 'none' }, framing: 'sound' }
}

function listOf(fields: Record<string, string>): Field[] {
  return Object.entries(fields).map(([name, value]) => ({ name, value }))
}

function get(
  _place: Place,
  path: string,
  headers: Record<string, string> = {},
  query: Record<string, string> = {},
): FuzzRequest {
  return { ...bare('GET', path), headers: Object.entries(headers), query: listOf(query) }
}

function form(
  _place: Place,
  path: string,
  fields: Record<string, string>,
  client?: TestClient,
): FuzzRequest {
  const named = client && client.secret === undefined ? { client_id: client.clientId } : {}
  const headers: [string, string][] =
    client?.secret === undefined ? [] : [['Authorization', basic(client)]]
  return {
    ...bare('POST', path),
    headers,
    body: { kind: 'form', fields: listOf({ ...named, ...fields }) },
  }
}

/** As this browser would ask for the page. */
async function asking(alice: Browser, uri: string): Promise<FuzzRequest> {
  const url = new URL(uri)
  const cookie = await alice.jar.getCookieString(uri)
  return {
    ...bare('GET', url.pathname),
    query: [...url.searchParams].map(([name, value]) => ({ name, value })),
    headers: [
      ['Accept', 'text/html'],
      ...(cookie ? ([['Cookie', cookie]] as [string, string][]) : []),
    ],
  }
}

async function* everyForm(
  { random, keepSecret }: Scene,
  alice: Browser,
  page: Reply,
  person: Person,
  known: Record<string, string> = {},
): AsyncGenerator<FuzzRequest> {
  for (const [index, each] of page.forms().entries()) {
    const fields = new URLSearchParams({ ...guess(page, index, person, random), ...known })
    keepSecret(fields.get('csrf') ?? undefined)
    const button = each.buttons.length > 0 ? random.pick(each.buttons) : undefined
    if (button?.name) fields.set(button.name, button.value)
    const url = new URL(button?.formaction || each.action || page.url, page.url)
    const list = [...fields].map(([name, value]) => ({ name, value }))
    const request = await asking(alice, url.href)
    request.headers.push(['Origin', url.origin])
    if (each.method === 'get') yield { ...request, query: list }
    else yield { ...request, method: 'POST', body: { kind: 'form', fields: list } }
  }
}

/** What somebody would type into the fields that are empty. */
function guess(page: Reply, index: number, person: Person, random: Random): Record<string, string> {
  const fields = page.forms()[index]?.fields ?? new URLSearchParams()
  const typed: Record<string, string> = {
    login: person.email,
    email: `${random.word(8)}@example.test`,
    password: person.password,
    current_password: person.password,
    new_password: 'another long battery staple',
    phone: '+4915112345678',
    code: '12345678',
    user_code: 'BCDF-GHJK',
    username: `u${random.word(6).toLowerCase()}`,
    given_name: 'Ada',
    family_name: 'Example',
    name: 'Ada Example',
  }
  return Object.fromEntries(
    [...fields].map(([name, value]) => [name, value === '' ? (typed[name] ?? 'x') : value]),
  )
}

/** Signed by nobody who is known. */
async function jwtLike(alg: string): Promise<string> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const nowS = Math.floor(Date.now() / 1000)
  const claims = { iss: 'https://idp.example', sub: 'x', aud: 'x', iat: nowS, exp: nowS + 60 }
  return [part({ alg, kid: 'x' }), part(claims), randomToken()].join('.')
}
