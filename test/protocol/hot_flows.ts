import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { deleteAccount } from '../../src/domain/accounts/delete_account.ts'
import { generateRecoveryCodes } from '../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { endAccessOf } from '../../src/main/end_access.ts'
import { housekeepingTasks } from '../../src/main/housekeeping_tasks.ts'
import { JOBS } from '../../src/platform/jobs/jobs.ts'
import { createQueueOf } from '../../src/platform/jobs/queue.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import type { SmtpSink } from '../support/smtp.ts'
import {
  addGuard,
  addService,
  clientAssertion,
  dpopProof,
  enterUserCode,
  exchangeFields,
  expectTokens,
  introspect,
  post,
  redeemDevice,
  refresh,
  revoke,
  signingParty,
  startDevice,
  userinfo,
} from './driver.ts'

/** Each request that comes often, once, and what workers do besides. */

const OPAQUE_API = 'https://opaque.example.test'
const OFFLINE = { scope: 'openid offline_access read', resource: API, prompt: 'consent' }

export type Flow = (server: AuthCore, mail: SmtpSink) => Promise<void>

/** The APIs that the flows ask for; made once for a deployment. */
export async function addApis(server: AuthCore): Promise<void> {
  await addApi(server)
  await addApi(server, 'opaque', OPAQUE_API)
}

async function signedIn(server: AuthCore) {
  const client = await addClient(server)
  const party = await relyingParty(server, client)
  const person = await addPerson(server, { email: newAddress() })
  const { alice } = await authorize(server, party, person)
  const exchange = async (parameters: Record<string, string> = {}) =>
    expectTokens(
      await post(
        server,
        '/token',
        client,
        exchangeFields(await authorize(server, party, person, { alice, parameters })),
      ),
    )
  return { client, party, person, alice, exchange }
}

let addresses = 0
const newAddress = () => `hot${++addresses}@example.test`

const outside = (server: AuthCore) => (location: string) => !location.startsWith(server.issuer)

async function loginPage(server: AuthCore, party: RelyingParty, mind: Browser): Promise<Reply> {
  const { url } = await authorizationRequest(party)
  return await mind.followAll(await mind.get(url.href), outside(server))
}

async function documents({ issuer }: AuthCore): Promise<void> {
  for (const path of ['/.well-known/openid-configuration', '/jwks', '/health/ready']) {
    expect((await browser().get(`${issuer}${path}`)).status).to.equal(200)
  }
}

async function serviceTokens(server: AuthCore): Promise<void> {
  const scopes = { resource_scopes: { [API]: ['read'], [OPAQUE_API]: ['read'] } }
  const service = await addService(server, scopes)
  const guard = await addGuard(server)
  const grant = { grant_type: 'client_credentials' }
  const key = await signingParty()
  const headers = { dpop: await dpopProof(key, 'POST', `${server.issuer}/token`) }
  for (const resource of [API, OPAQUE_API]) {
    const fields = { ...grant, resource }
    expectTokens(await post(server, '/token', service, fields, { headers: {} }))
    const { access_token } = expectTokens(await post(server, '/token', service, fields))
    expect(await introspect(server, guard, access_token)).to.include({ active: true })
    expect((await revoke(server, service, access_token)).status).to.equal(200)
  }
  expectTokens(await post(server, '/token', service, { ...grant, resource: API }, { headers }))
  const robot = await addService(server, {
    ...scopes,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...key.jwk, use: 'sig', alg: key.alg }] },
  })
  const assertion = await clientAssertion(server, robot.clientId, key)
  expectTokens(await post(server, '/token', undefined, { ...grant, resource: API, ...assertion }))
}

async function tokensOfPeople(server: AuthCore): Promise<void> {
  const { client, party, exchange } = await signedIn(server)
  const guard = await addGuard(server)
  const { access_token, refresh_token } = await exchange(OFFLINE)
  expect((await userinfo(server, access_token)).status).to.equal(200)
  for (const token of [access_token, refresh_token!, 'nobody']) {
    await introspect(server, guard, token)
  }
  const next = expectTokens(await refresh(server, client, refresh_token!))
  expectTokens(await refresh(server, client, refresh_token!))
  expect((await revoke(server, client, next.refresh_token!)).status).to.equal(200)
  const { url } = await authorizationRequest(party)
  const pushed = await post(server, '/par', client, Object.fromEntries(url.searchParams))
  expect(pushed.status, pushed.body).to.equal(201)
}

async function wholeSignIn(server: AuthCore): Promise<void> {
  const person = await addPerson(server, { email: newAddress() })
  const { parts } = server
  const secret = await beginTotpEnrolment(parts, person.id)
  const at = (step: number) =>
    totpCodeAt(secret, new Date(parts.clock.now().getTime() + step * 30_000))
  await confirmTotpEnrolment(parts, { accountId: person.id, code: at(0), origin: {} })
  const [recovery] = await generateRecoveryCodes(parts, person.id, {})
  const party = await relyingParty(server, await addClient(server))
  for (const [path, code] of [
    ['second_factor', at(1)],
    ['second_factor?method=recovery_code', recovery!],
  ] as const) {
    const mind = browser()
    const login = await loginPage(server, party, mind)
    const wrong = await mind.submit(login, { login: person.email, password: 'not the right one' })
    expect(wrong.status).to.equal(422)
    const fields = { login: person.email, password: person.password }
    let page = await mind.followAll(await mind.submit(wrong, fields), outside(server))
    page = await mind.get(page.url.replace(/second_factor.*$/, path))
    const done = await mind.followAll(await mind.submit(page, { code }), outside(server))
    expect(done.url, done.text().slice(0, 200)).not.to.include('second_factor')
    await goThrough(mind, done, person, server.issuer)
  }
}

async function signUpAndRecovery(server: AuthCore, mail: SmtpSink): Promise<void> {
  const party = await relyingParty(server, await addClient(server))
  const email = newAddress()
  const mind = browser()
  const submit = async (page: Reply, fields: Record<string, string>) =>
    await mind.followAll(await mind.submit(page, fields), outside(server))
  const login = await loginPage(server, party, mind)
  const person: Person = { id: '', email, password: 'seven quiet lanterns' }
  const asked = await submit(await mind.get(login.url.replace(/login$/, 'sign_up')), {
    login: email,
    name: 'Grace Example',
    password: person.password,
  })
  const consent = await submit(asked, { code: (await mail.next(email)).code! })
  await goThrough(mind, consent, person, server.issuer)
  const forgetful = browser()
  const start = await loginPage(server, party, forgetful)
  const forgot = await forgetful.get(start.url.replace(/login$/, 'forgot_password'))
  await forgetful.followAll(await forgetful.submit(forgot, { login: email }), outside(server))
  await mail.next(email)
}

async function singleSignOnAndOut(server: AuthCore): Promise<void> {
  const { party, person, alice, exchange } = await signedIn(server)
  await authorize(server, party, person, { alice })
  const { id_token } = await exchange()
  const page = await alice.get(`${server.issuer}/logout?id_token_hint=${id_token}`)
  await alice.followAll(await alice.submit(page, {}, { button: 'logout' }), outside(server))
}

async function device(server: AuthCore): Promise<void> {
  const television = await addClient(server, { preset: 'device' })
  const { alice } = await signedIn(server)
  const { device_code, user_code } = await startDevice(server, television)
  await redeemDevice(server, television, device_code)
  const confirm = await enterUserCode(server, alice, user_code)
  const page = await alice.followAll(await alice.submit(confirm, {}, { button: 'confirm' }))
  await alice.followAll(await alice.submit(page, {}, { button: 'Allow' }))
  expectTokens(await redeemDevice(server, television, device_code))
}

async function ownPages(server: AuthCore): Promise<void> {
  const { alice, person } = await signedIn(server)
  const at = (path: string) => `${server.issuer}/account${path}`
  const leave = outside(server)
  for (const path of [
    '',
    '/profile',
    '/security',
    '/sessions',
    '/activity',
    '/applications',
    '/inbox',
    '/data',
    '/connections',
  ]) {
    let page = await alice.followAll(await alice.get(at(path)), leave)
    // Some pages want a fresh sign-in.
    if (new URL(page.url).pathname.endsWith('/login')) {
      page = await alice.followAll(
        await alice.submit(page, { login: person.email, password: person.password }),
        leave,
      )
    }
    expect(new URL(page.url).pathname, page.text().slice(0, 200)).to.equal(`/account${path}`)
  }
  const press = async (path: string, action: string) =>
    await alice.submit(
      await alice.get(at(path)),
      {},
      {
        form: (form) => form.action.endsWith(action),
      },
    )
  expect((await press('/applications', '/applications')).status).to.be.below(400)
  expect((await press('/security', '/sign_out')).status).to.be.below(400)
}

/** What an operator or a person does once to an account. */
async function endOfAccount(server: AuthCore): Promise<void> {
  const { parts } = server
  for (const end of [disableAccount, deleteAccount]) {
    const { person, exchange } = await signedIn(server)
    await exchange(OFFLINE)
    await end(parts, person.id, { endAccess: endAccessOf(parts) })
  }
}

async function housekeeping({ parts }: AuthCore): Promise<void> {
  for (const { run } of housekeepingTasks(parts)) await run()
  // The rounds of the job queue that come once a minute.
  const intervals = { pollS: 0.5, superviseS: 1 }
  const jobs = createQueueOf(JOBS, { db: parts.db, log: parts.log, intervals })
  jobs.start('worker')
  await sleep(1_500)
  await jobs.stop()
}

export const HOT_FLOWS: Readonly<Record<string, Flow>> = {
  documents,
  serviceTokens,
  tokensOfPeople,
  wholeSignIn,
  signUpAndRecovery,
  singleSignOnAndOut,
  device,
  ownPages,
  endOfAccount,
  housekeeping,
}
