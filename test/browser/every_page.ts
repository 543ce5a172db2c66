import { createECDH, randomBytes } from 'node:crypto'
import * as oidc from 'openid-client'
import type { Page } from 'playwright-core'
import { newId } from '../../src/core/ids.ts'
import { changeProfile } from '../../src/domain/accounts/change_profile.ts'
import { MULTI_FACTOR_ACR } from '../../src/domain/authentication/assurance.ts'
import { createResourceServer } from '../../src/domain/clients/create_resource_server.ts'
import { upsertPassword } from '../../src/domain/credentials/password/password_store.ts'
import { removeTotp } from '../../src/domain/credentials/totp/remove_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { listConfirmedTotps } from '../../src/domain/credentials/totp/totp_store.ts'
import { removeWebAuthn } from '../../src/domain/credentials/webauthn/remove_webauthn.ts'
import { listWebAuthnCredentials } from '../../src/domain/credentials/webauthn/webauthn_store.ts'
import { listMessages } from '../../src/domain/messaging/message_store.ts'
import { keepNotice } from '../../src/domain/messaging/notices/notice.ts'
import { markNoticesRead } from '../../src/domain/messaging/notices/notice_store.ts'
import { queueMessage } from '../../src/domain/messaging/queue_message.ts'
import { trustDevice } from '../../src/domain/sessions/trusted_device.ts'
import { inTransaction, query } from '../../src/platform/persistence/db.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import {
  addConnection,
  addIdentity,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
} from '../support/made_up_source.ts'
import { relyingParty } from '../support/relying_party.ts'
import { addAuthenticator } from './authenticator.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { connectionPages, type SourceWorld, startSourceWorld } from './connection_pages.ts'
import { openSource } from './source_site.ts'
import { fillInLogin } from './visitor.ts'

/** One walk through every page a person can meet, for whoever looks at all of them. */
export type World = {
  server: AuthCore
  site: ClientSite
  /** Another deployment, which has terms and asks more of people, and a site of its own. */
  strict: AuthCore
  siteWithTerms: ClientSite
  /** Where people of the first deployment may sign in. */
  source: MadeUpSource
  /** And one that people sign in to with what they have elsewhere. */
  sources: SourceWorld
  stop(): Promise<void>
  userCode(): Promise<string>
  /** An application asks this person for approval of a payment. */
  askForApproval(person: Person): Promise<void>
}

/** Called at each page, once it is there. It may resize and recolour, and goes nowhere. */
export type Look = (page: Page, name: string) => Promise<void>

const SCHEMA = new URL('../../docs/examples/profile_schema.json', import.meta.url).pathname
const LOGO_URI = 'https://lantern.example/logo.svg'
const FRAME_URI = 'https://lantern.example/signed-out'
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<path d="M0 0h32v32H0z" fill="#d9822b"/>
<path d="M16 10.5c-2-1.7-4.8-2.2-8.5-2.2v13.2c3.7 0 6.5.5 8.5 2.2 2-1.7 4.8-2.2 8.5-2.2V8.3c-3.7 0-6.5.5-8.5 2.2Z" fill="#fff"/>
<path d="M16 10.5v13" stroke="#d9822b" stroke-width="1.5"/></svg>`

export async function startWorld(): Promise<World> {
  const source = madeUpSource()
  const server = await startAuthCore({
    kinds: source.kinds,
    worker: true,
    env: {
      AUTHCORE_FRONTCHANNEL_LOGOUT: 'true',
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_SIGN_UP_BY: 'email_or_phone',
      AUTHCORE_USERNAMES: 'self',
      AUTHCORE_WEB_PUSH: 'on',
      AUTHCORE_WEB_PUSH_SERVICES: 'push.example.test',
      AUTHCORE_EMAIL_SIGN_IN: 'code',
    },
  })
  await addConnection(server, source, 'works', { title: 'Example Works' })
  await addConnection(server, source, 'directory', {
    kind: 'made_up_directory',
    title: 'Example Directory',
  })
  const strict = await startAuthCore({
    env: {
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
      AUTHCORE_PROOF_OF_WORK: 'on',
      AUTHCORE_PROOF_OF_WORK_ROUNDS: '50',
      AUTHCORE_TERMS_URI: 'https://lantern.example/terms',
      AUTHCORE_TERMS_VERSION: '2026-11',
      AUTHCORE_RISK_NEW_DEVICE: 'factor',
      AUTHCORE_PROFILE_SCHEMA: SCHEMA,
      AUTHCORE_PROFILE_ASK: 'birthdate?, address',
    },
  })
  const siteWithTerms = await startClientSite(strict)
  const sources = await startSourceWorld()
  await addApi(server)
  const site = await startClientSite(server, {
    metadata: {
      logo_uri: LOGO_URI,
      policy_uri: 'https://lantern.example/privacy',
      tos_uri: 'https://lantern.example/terms',
      frontchannel_logout_uri: FRAME_URI,
    },
  })
  const client = await addClient(server, {
    preset: 'device',
    name: 'Lantern Television',
    metadata: {},
  })
  const television = await relyingParty(server, client)
  const askForApproval = await paymentsOf(server)
  return {
    server,
    site,
    strict,
    siteWithTerms,
    source,
    sources,
    askForApproval,
    async userCode() {
      const begun = await oidc.initiateDeviceAuthorization(television.configuration, {
        scope: 'openid profile',
      })
      return begun.user_code
    },
    async stop() {
      await site.stop()
      await siteWithTerms.stop()
      await sources.stop()
      await server.stop()
      await strict.stop()
    },
  }
}

async function paymentsOf(server: AuthCore): Promise<World['askForApproval']> {
  await createResourceServer(server.parts, {
    identifier: 'https://pay.lantern.example',
    name: 'Lantern Pay',
    authorizationDetailsTypes: [
      {
        type: 'payment',
        title: 'Pay once',
        description: 'Takes money from your account, once.',
        schema: {
          type: 'object',
          properties: {
            amount: { type: 'string', title: 'Amount' },
            creditor: { type: 'string', title: 'To' },
          },
        },
      },
    ],
  })
  await server.parts.runtime.refresh()
  const client = await addClient(server, {
    name: 'Lantern Shop',
    metadata: {
      grant_types: ['urn:openid:params:grant-type:ciba'],
      response_types: [],
      backchannel_token_delivery_mode: 'poll',
      authorization_details_types: ['payment'],
      logo_uri: LOGO_URI,
    },
  })
  const till = await relyingParty(server, client)
  const payment = { type: 'payment', amount: '12.50 EUR', creditor: 'Lantern Shop' }
  return async ({ email }) => {
    await oidc.initiateBackchannelAuthentication(till.configuration, {
      scope: 'openid profile',
      login_hint: email,
      binding_message: 'Till 3',
      authorization_details: JSON.stringify([payment]),
    })
  }
}

export async function visitEveryPage(world: World, page: Page, atEach: Look): Promise<void> {
  const { server, site } = world
  const look: Look = async (at, name) => {
    // An element can be there before the style sheet is.
    await at.waitForLoadState()
    await atEach(at, name)
  }
  const person = await addPerson(server, { claims: { name: 'Amira Haddad' } })
  await page
    .context()
    .route(LOGO_URI, (route) => route.fulfill({ contentType: 'image/svg+xml', body: LOGO }))
  await page
    .context()
    .route(`${FRAME_URI}?**`, (route) => route.fulfill({ contentType: 'text/html', body: '' }))
  await page.goto(server.issuer)
  await look(page, 'home')
  await signInPages(world, page, person, look)
  await newcomerPages(world, page, look)
  await factorPages(world, page, look)
  await page.goto(`${site.startUri}?prompt=login`)
  await fillInLogin(page, person)
  await page.locator('#sign-in-again').waitFor()
  await accountPages(world, page, person, look)
  await ownPages(world, page, person, look)
  await joinedPages(world, page, person, look)
  await devicePages(world, page, look)
  await approvalPages(world, page, person, look)
  await logoutPages(world, page, look)
  await lostPages(world, page, look)
  for (const [name, path] of [
    ['error_not_found', '/nowhere'],
    ['error_invalid_client', '/authorize?client_id=nobody'],
  ]) {
    await page.goto(server.issuer + path)
    await look(page, name!)
  }
  await inboxPages(world, page, look)
  await termsPages(world, page, look)
  await connectionPages(world.sources, page, look)
  await page.goto(`${site.startUri}?redirect_uri=https://evil.example/`)
  await look(page, 'error_invalid_redirect_uri')
}

/** A message of each kind that looks different: code and link, neither, and an SMS. */
async function inboxPages({ server }: World, page: Page, look: Look): Promise<void> {
  const { parts, issuer } = server
  const fields = { code: '482913', link: `${issuer}/verify?t=${'x'.repeat(60)}`, client: 'Lantern' }
  await inTransaction(parts.db, async (tx) => {
    const recipient = 'amira.haddad@a-long-name-of-a-host.example.test'
    await queueMessage(parts, tx, { kind: 'verify_email', recipient, fields })
    const sms = { channel: 'sms', recipient: '+4930123456' } as const
    await queueMessage(parts, tx, { kind: 'sign_in_code', ...sms, fields: { code: '482913' } })
    await queueMessage(parts, tx, { kind: 'password_changed', recipient, locale: 'ar', fields: {} })
  })
  await page.goto(`${issuer}/dev/inbox`)
  await look(page, 'dev_inbox')
  await page
    .getByRole('link', { name: /AuthCore/ })
    .last()
    .click()
  await page.locator('#message-text').waitFor()
  await look(page, 'dev_message')
  await page.goto(`${issuer}/dev/inbox`)
  await page.locator('#previews').click()
  await page.locator('#kinds').waitFor()
  await look(page, 'dev_previews')
  await page.goto(`${issuer}/dev/messages/new_device`)
  await page.frameLocator('iframe').locator('a').first().waitFor()
  await look(page, 'dev_preview')
  await page.locator('#channel-sms').click()
  await page.locator('#channel-sms[aria-current]').waitFor()
  await look(page, 'dev_preview_sms')
}

/** Ends at the client, signed in. */
async function signInPages({ site }: World, page: Page, person: Person, look: Look): Promise<void> {
  const asked = new URLSearchParams({
    scope: 'openid profile email phone address offline_access read write',
    resource: API,
    prompt: 'consent',
  })
  await page.goto(`${site.startUri}?${asked}`)
  await look(page, 'login')
  await fillInLogin(page, { ...person, password: 'wrong password' })
  await page.locator('#problem').waitFor()
  await look(page, 'login_refused')
  await fillInLogin(page, person)
  await page.locator('#allow').waitFor()
  await look(page, 'consent')
  await holding(page, /\/authorize\/[\w-]+$/, async () => {
    await page.locator('#allow').click()
    await page.locator('#continue').waitFor()
    await look(page, 'continue')
  })
  await page.locator('#continue').click()
  await page.locator('#sign-in-again').waitFor()
}

/** Signs up, and recovers the password of the account: what the mails say is read from the database. */
async function newcomerPages({ server, site }: World, page: Page, look: Look): Promise<void> {
  const email = 'newcomer@example.com'
  const mailed = async (kind: string) => {
    for (;;) {
      const messages = await listMessages(server.parts.db, server.parts.keyring, { limit: 20 })
      const found = messages.find((message) => message.kind === kind)
      if (found) return found.fields as { code: string; link: string }
      await page.waitForTimeout(50)
    }
  }
  await page.goto(`${site.startUri}?prompt=login`)
  await page.locator('#sign-up').click()
  await page.locator('#create-account').waitFor()
  await look(page, 'sign_up')
  await page.locator('#login').fill('+49 171 1234567')
  await page.locator('#password').fill('seven quiet lanterns')
  await page.locator('#create-account').click()
  await page.locator('#verify').waitFor()
  await look(page, 'verify_phone')
  await page.locator('#other-address').click()
  await page.locator('#login').fill(email)
  await page.locator('#password').fill('password')
  await page.locator('#password-strength:not(:empty)').waitFor()
  await look(page, 'sign_up_typed')
  await page.locator('#create-account').click()
  await page.locator('#password-problem').waitFor()
  await look(page, 'sign_up_refused')
  await page.locator('#password').fill('seven quiet lanterns')
  await page.locator('#create-account').click()
  await page.locator('#verify').waitFor()
  await look(page, 'verify_email')
  const { code } = await mailed('verify_email')
  await page.goto(`${server.issuer}/interaction/elsewhere/verify_email?code=12345678`)
  await look(page, 'verify_elsewhere')
  await page.goBack()
  await page.locator('#code').fill(code)
  await page.locator('#verify').click()
  await page.locator('#allow').click()
  await page.locator('#sign-in-again').waitFor()
  await page.goto(`${site.startUri}?prompt=login`)
  await page.locator('#email-sign-in').click()
  await page.locator('#send-code').waitFor()
  await look(page, 'email_sign_in')
  await page.locator('#login').fill('nobody')
  await page.locator('#send-code').click()
  await page.locator('#code').waitFor()
  await look(page, 'email_code')
  await page.locator('#sign-in-instead').click()
  await page.locator('#forgot-password').click()
  await page.locator('#send-code').waitFor()
  await look(page, 'forgot_password')
  await page.locator('#login').fill(email)
  await page.locator('#send-code').click()
  await page.locator('#set-password').waitFor()
  await look(page, 'reset_password')
  const { link } = await mailed('reset_password')
  await page.goto(link)
  await look(page, 'reset_by_link')
  await page.locator('#password').fill('nine patient harbours')
  await page.locator('#password-strength:not(:empty)').waitFor()
  await look(page, 'reset_by_link_typed')
  await page.locator('#set-password').click()
  await page.locator('#password-changed').waitFor()
  await look(page, 'password_changed')
}

/** Where there are terms: signs up without accepting them, and signs in up to their page. */
async function termsPages(
  { siteWithTerms: site, strict }: World,
  page: Page,
  look: Look,
): Promise<void> {
  await page.goto(site.startUri)
  await page.locator('#sign-up').click()
  await page.locator('#next').waitFor()
  await look(page, 'sign_up_address')
  await page.locator('#login').fill('newcomer')
  await page.locator('#next').click()
  await page.locator('#problem').waitFor()
  await look(page, 'sign_up_address_refused')
  await page.locator('#login').fill('newcomer@example.com')
  await page.locator('#next').click()
  await page.locator('#accept').waitFor()
  await look(page, 'sign_up_terms')
  await page.locator('#password').fill('seven quiet lanterns')
  // As a browser sends it that does not know of required fields.
  await page.evaluate(`document.querySelector('#sign-up-form').noValidate = true`)
  await page.locator('#create-account').click()
  await page.locator('#problem').waitFor()
  await look(page, 'sign_up_terms_refused')
  await page.locator('#sign-in-instead').click()
  const person = await addPerson(strict)
  await page.locator('#next').waitFor()
  await look(page, 'identifier')
  await page.locator('#login').fill(person.email)
  await page.locator('#next').click()
  await page.locator('#switch').waitFor()
  await look(page, 'password')
  await page.locator('#password').fill(person.password)
  await page.locator('#sign-in').click()
  await page.locator('#accept-terms').waitFor()
  await look(page, 'terms')
  await page.locator('#cancel').click()
  await page.locator('#sign-in-again').waitFor()
  await unusualPages({ siteWithTerms: site, strict }, page, look)
  await profilePages(site, strict, page, look)
  await offerPages(strict, page, look)
}

/** Signs in with another browser than before, without a second factor: a code is asked for. */
async function unusualPages(
  { siteWithTerms: site, strict }: Pick<World, 'siteWithTerms' | 'strict'>,
  page: Page,
  look: Look,
): Promise<void> {
  const person = await addPerson(strict)
  const before = 'UPDATE account SET last_signed_in_at = now() WHERE id = $1'
  await query(strict.parts.db, before, [person.id])
  await page.goto(site.startUri)
  await fillInLogin(page, person)
  await page.locator('#send-code').waitFor()
  await look(page, 'confirm_sign_in')
  await page.locator('#send-code').click()
  await page.locator('#go-on').waitFor()
  await look(page, 'confirm_sign_in_sent')
  await page.locator('#code').fill('0000-0000')
  await page.locator('#go-on').click()
  await page.locator('#problem').waitFor()
  await look(page, 'confirm_sign_in_refused')
}

/** A second factor that somebody may put off, at an application that offers one. */
async function offerPages(strict: AuthCore, page: Page, look: Look): Promise<void> {
  const site = await startClientSite(strict, { metadata: { mfa_policy: 'optional' } })
  try {
    const ada = await addPerson(strict)
    await page.goto(`${site.startUri}?prompt=login`)
    await fillInLogin(page, ada)
    await page.locator('#create-passkey').waitFor()
    await look(page, 'enrol_passkey_offered')
    await page.locator('#use-totp').click()
    await page.locator('#confirm').waitFor()
    await look(page, 'enrol_totp_offered')
    await page.locator('#postpone').click()
    await page.locator('#accept-terms').waitFor()
  } finally {
    await site.stop()
  }
}

/** What is asked after the sign-in: what is needed, and what can be put off. */
async function profilePages(
  site: ClientSite,
  strict: AuthCore,
  page: Page,
  look: Look,
): Promise<void> {
  const ada = await addPerson(strict)
  await page.goto(site.startUri)
  await fillInLogin(page, ada)
  await page.locator('#accept-terms').click()
  await page.locator('#complete-profile').waitFor()
  await look(page, 'complete_profile')
  await page.locator('#attribute_department').selectOption('press')
  await page.evaluate(`document.querySelector('#complete-profile-form').noValidate = true`)
  await page.locator('#complete-profile').click()
  await page.locator('#problem').waitFor()
  await look(page, 'complete_profile_refused')
  await page.locator('#cancel').click()
  await page.locator('#sign-in-again').waitFor()
  const needed = { department: 'press', reader_since: '2020-02-29' }
  const claims = { address: { locality: 'London' } }
  await changeProfile(strict.parts, ada.id, { claims, attributes: needed }, {})
  await page.goto(site.startUri)
  await fillInLogin(page, ada)
  await page.locator('#postpone').waitFor()
  await look(page, 'complete_profile_optional')
  await page.goto(`${strict.issuer}/account/profile`)
  await fillInLogin(page, ada)
  await page.locator('#save').waitFor()
  await look(page, 'account_profile_attributes')
}

/** Sets an authenticator up because the request wants two factors, and is asked for it the next time. */
async function factorPages({ site, server }: World, page: Page, look: Look): Promise<void> {
  const person = await addPerson(server, { claims: { name: 'Jun Tanaka' } })
  await page.goto(
    `${site.startUri}?prompt=login&acr_values=${encodeURIComponent(MULTI_FACTOR_ACR)}`,
  )
  await fillInLogin(page, person)
  await page.locator('#use-passkey').click()
  await page.locator('#create-passkey').waitFor()
  await look(page, 'enrol_passkey')
  await page.locator('#use-totp').click()
  await page.locator('#confirm').waitFor()
  await look(page, 'enrol_totp')
  await page.locator('.manual summary').click()
  const secret = (await page.locator('#totp-secret').innerText()).replaceAll(' ', '')
  await page.locator('#code').fill('000000')
  await page.locator('#confirm').click()
  await page.locator('#problem').waitFor()
  await look(page, 'enrol_totp_refused')
  await page.locator('#code').fill(totpCodeAt(secret, new Date()))
  await page.locator('#confirm').click()
  await page.locator('#recovery-codes').waitFor()
  await look(page, 'recovery_codes')
  await page.goto(`${site.startUri}?prompt=login`)
  await fillInLogin(page, person)
  await page.locator('#verify').waitFor()
  await look(page, 'second_factor')
  await page.locator('#code').fill('000000')
  await page.locator('#verify').click()
  await page.locator('#problem').waitFor()
  await page.locator('#use-recovery_code').click()
  await page.locator('input[name=method][value=recovery_code]').waitFor({ state: 'attached' })
  await look(page, 'second_factor_recovery_code')
  await page.locator('#cancel').click()
  await page.locator('#sign-in-again').waitFor()
}

async function accountPages(
  { site, server }: World,
  page: Page,
  person: Person,
  look: Look,
): Promise<void> {
  await page.goto(`${site.startUri}?prompt=select_account`)
  await look(page, 'select_account')
  await page.goto(`${site.startUri}?prompt=consent`)
  const other = await page.context().newPage()
  await other.goto(`${site.startUri}?prompt=login`)
  await fillInLogin(other, await addPerson(server))
  await other.locator('#allow').click()
  await other.locator('#sign-in-again').waitFor()
  await other.close()
  await page.locator('#allow').click()
  await page.locator('#restart').waitFor()
  await look(page, 'restart_changed')
  await page.goto(`${site.startUri}?prompt=login`)
  await fillInLogin(page, person)
  await page.locator('#sign-in-again').waitFor()
}

/** The pages of one's own account. */
async function ownPages({ server }: World, page: Page, person: Person, look: Look): Promise<void> {
  await page.goto(`${server.issuer}/account`)
  await page.locator('#nav-security').waitFor()
  await look(page, 'account')
  await page.locator('#to-data').click()
  await page.locator('#download').waitFor()
  await look(page, 'account_data')
  await page.locator('#read').click()
  await page.locator('#back').waitFor()
  await look(page, 'account_data_page')
  await page.goto(`${server.issuer}/account/profile`)
  await look(page, 'account_profile')
  await page.locator('#zoneinfo').fill('Nowhere')
  await page.locator('#save').click()
  await page.locator('#problem').waitFor()
  await look(page, 'account_profile_refused')
  await page.goto(`${server.issuer}/account/profile/username`)
  await page.locator('#username').fill('admin')
  await page.locator('#save').click()
  await page.locator('#problem').waitFor()
  await look(page, 'account_username_refused')
  await page.goto(`${server.issuer}/account/applications`)
  await look(page, 'account_applications')
  await page.goto(`${server.issuer}/account/delete`)
  await look(page, 'account_delete')
  await page.goto(`${server.issuer}/account/profile/email`)
  await page.locator('#send-code').waitFor()
  await look(page, 'account_email')
  await page.locator('#email').fill('amira.haddad@example.net')
  await page.locator('#send-code').click()
  await page.locator('#confirm').waitFor()
  await look(page, 'account_email_code')
  await page.goto(`${server.issuer}/account/profile/phone`)
  await page.locator('#send-code').waitFor()
  await look(page, 'account_phone')
  await page.locator('#phone').fill('+49 171 1234567')
  await page.locator('#send-code').click()
  await page.locator('#confirm').waitFor()
  await look(page, 'account_phone_code')
  await page.goto(`${server.issuer}/revert_email?link=${'x'.repeat(43)}`)
  await look(page, 'revert_email')
  await page.goto(`${server.issuer}/reset_factors?link=${'x'.repeat(43)}`)
  await look(page, 'reset_factors')
  await page.goto(`${server.issuer}/invitation?link=${'x'.repeat(43)}`)
  await look(page, 'invitation')
  await page.locator('#accept-invitation').click()
  await page.locator('#invitation-over').waitFor()
  await look(page, 'invitation_over')
  await page.goto(`${server.issuer}/account/inbox`)
  await page.locator('#no-notices').waitFor()
  await look(page, 'account_inbox_empty')
  await inTransaction(server.parts.db, async (tx) => {
    const about = { accountId: person.id }
    const { parts } = server
    await keepNotice(parts, tx, {
      ...about,
      kind: 'new_device',
      fields: {
        device: 'Firefox, Linux',
        place: 'Lisbon',
        at: '2026-01-31T12:00:00.000Z',
        link: `${server.issuer}/account/sessions`,
      },
      idempotencyKey: `device:${person.id}`,
    })
    await markNoticesRead(tx, { ...about, upTo: newId(), now: parts.clock.now() })
    await keepNotice(parts, tx, {
      ...about,
      kind: 'factor_added',
      fields: { factor: 'passkey', name: 'Laptop' },
      idempotencyKey: `factor:${person.id}`,
    })
  })
  await page.reload()
  await page.locator('#notices').waitFor()
  await look(page, 'account_inbox')
  await page.locator('#to-notifications').click()
  await page.locator('#turn-on').waitFor()
  await look(page, 'account_notifications')
  await page.evaluate(subscribeIt())
  await page.locator('#this-browser').waitFor()
  await look(page, 'account_notifications_on')
  await page.locator('#turn-off-0').click()
  await page.locator('#turn-on').waitFor()
  await page.goto(`${server.issuer}/account`)
  await page.locator('#unread').waitFor()
  await look(page, 'account_unread')
  await page.goto(`${server.issuer}/account/sessions`)
  await look(page, 'account_sessions')
  await page.locator('#to-activity').click()
  await page.locator('#activities').waitFor()
  await look(page, 'account_activity')
  await page.goto(`${server.issuer}/account/security/passkey`)
  await page.locator('#create-passkey').waitFor()
  await look(page, 'account_passkey')
  const authenticator = await addAuthenticator(page)
  await page.locator('#create-passkey').click()
  await page.locator('#recovery-codes').waitFor()
  await page.goto(`${server.issuer}/account/security/totp`)
  await page.locator('#passkey-form #verify').waitFor()
  await look(page, 'second_factor_passkey')
  await page.locator('#verify').click()
  await page.locator('#confirm').waitFor()
  await look(page, 'account_totp')
  await page.locator('.manual summary').click()
  const secret = (await page.locator('#totp-secret').innerText()).replaceAll(' ', '')
  await page.locator('#code').fill(totpCodeAt(secret, new Date()))
  await page.locator('#confirm').click()
  await page.locator('#done').waitFor()
  const { parts } = server
  const userAgent = await page.evaluate<string>('navigator.userAgent')
  await trustDevice(parts, { accountId: person.id, days: 30, origin: { userAgent } })
  await page.goto(`${server.issuer}/account/security`)
  await page.locator('.entry summary').click()
  await look(page, 'account_security')
  const [totp] = await listConfirmedTotps(parts.db, person.id)
  await removeTotp(parts, { accountId: person.id, id: totp!.id })
  const [passkey] = await listWebAuthnCredentials(parts.db, person.id)
  await removeWebAuthn(parts, { accountId: person.id, id: passkey!.id })
  await authenticator.remove()
}

/** Joins somebody of a source, and takes them away again. */
async function joinedPages(
  { server, source }: World,
  page: Page,
  person: Person,
  look: Look,
): Promise<void> {
  const { issuer, parts } = server
  const account = { id: person.id }
  await openSource(page, { issuer, connection: 'works' })
  source.says.result = proven(personOf('amira', { email: 'amira.haddad@works.example' }))
  await page.goto(`${issuer}/account/connections`)
  await look(page, 'account_connections_none')
  await page.locator('#join-works').click()
  await page.locator('#back-there').click()
  await page.locator('#link').waitFor()
  await look(page, 'account_join_identity')
  await page.locator('#link').click()
  await page.locator('#done').waitFor()
  await look(page, 'account_connections')
  await page.goto(`${issuer}/account/connections/return?state=${'x'.repeat(43)}`)
  await page.locator('#problem').waitFor()
  await look(page, 'account_connections_lost')
  const [password] = await query<{ phc: string }>(
    parts.db,
    'DELETE FROM password_credential WHERE account_id = $1 RETURNING phc',
    [person.id],
  )
  await query(parts.db, 'UPDATE account SET email_verified = false WHERE id = $1', [person.id])
  await page.locator('#remove-identity-0').click()
  await page.locator('#ways-on').waitFor()
  await look(page, 'account_connections_last')
  const kept = personOf('amira-kept', { username: 'amira' })
  const identity = await addIdentity(server, account, {
    connection: 'directory',
    person: kept,
    by: 'created',
  })
  await page.goto(`${issuer}/account/security`)
  await page.locator('#password-kept').waitFor()
  await look(page, 'account_security_kept')
  await query(parts.db, 'DELETE FROM identity WHERE id = $1', [identity.id])
  await query(parts.db, 'UPDATE account SET email_verified = true WHERE id = $1', [person.id])
  const { phc } = password!
  await upsertPassword(parts.db, person.id, { phc, changedAt: parts.clock.now() })
}

async function devicePages({ server, userCode }: World, page: Page, look: Look): Promise<void> {
  const [first, second] = [await userCode(), await userCode()]
  await page.goto(`${server.issuer}/device`)
  await look(page, 'device_code')
  await page.locator('#user_code').fill('BBBB-BBBB')
  await page.locator('#submit-code').click()
  await page.locator('#problem').waitFor()
  await look(page, 'device_code_unknown')
  await holding(page, /submit\.js/, async () => {
    await page.goto(`${server.issuer}/device?user_code=${first}`)
    await look(page, 'submit')
  })
  await page.locator('#continue').click()
  await page.locator('#confirm').waitFor()
  await look(page, 'device_confirm')
  await page.locator('#abort').click()
  await page.locator('#device-outcome').waitFor()
  await look(page, 'device_denied')
  await page.goto(`${server.issuer}/device?user_code=${second}`)
  await page.locator('#confirm').click()
  await page.locator('#allow').click()
  await page.locator('#device-outcome').waitFor()
  await look(page, 'device_approved')
}

async function approvalPages(
  { server, askForApproval }: World,
  page: Page,
  person: Person,
  look: Look,
): Promise<void> {
  await askForApproval(person)
  await page.goto(`${server.issuer}/ciba`)
  await look(page, 'approvals')
  await page.locator('#approve-0').click()
  await page.locator('#approval-outcome').waitFor()
  await look(page, 'approval_done')
}

async function logoutPages({ site, server }: World, page: Page, look: Look): Promise<void> {
  await page.goto(site.logoutUri)
  await look(page, 'logout')
  await page.goto(`${server.issuer}/logout`)
  await holding(page, /leave\.js/, async () => {
    await page.locator('#logout').click()
    await page.locator('iframe').waitFor({ state: 'attached' })
    await look(page, 'signing_out')
  })
  await page.locator('#continue').click()
  await page.locator('.done').waitFor()
  await look(page, 'logged_out')
}

async function lostPages({ server, site }: World, page: Page, look: Look): Promise<void> {
  await page.goto(site.startUri)
  const address = page.url()
  await page.locator('#cancel').click()
  await page.locator('#sign-in-again').waitFor()
  await page.goto(address)
  await look(page, 'restart_finished')
  await page.goto(`${server.issuer}/interaction/of-long-ago/login`)
  await look(page, 'restart_expired')
  await page.context().clearCookies()
  await page.goto(address)
  await look(page, 'restart_cookies')
}

/** Keeps a page from going on by itself: what it asks for is answered with nothing. */
async function holding(page: Page, url: RegExp, work: () => Promise<void>): Promise<void> {
  await page.route(url, (route) =>
    route.fulfill(
      route.request().isNavigationRequest()
        ? { status: 204 }
        : { status: 200, contentType: 'text/javascript', body: '' },
    ),
  )
  await work()
  await page.unroute(url)
}

/** WCAG 2.2 SC 1.4.10: no scrolling sideways at 320 CSS pixels. */
export async function overflow(page: Page, name: string): Promise<string[]> {
  const before = page.viewportSize()!
  await page.setViewportSize({ width: 320, height: 640 })
  const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
  await page.setViewportSize(before)
  return wide > 320 ? [`${name}: ${wide} pixels wide at 320`] : []
}

/** What the script of the page does once the browser has subscribed, which takes the internet. */
function subscribeIt(): string {
  const ecdh = createECDH('prime256v1')
  const keys = {
    p256dh: ecdh.generateKeys().toString('base64url'),
    auth: randomBytes(16).toString('base64url'),
  }
  const subscription = JSON.stringify({ endpoint: 'https://push.example.test/1', keys })
  return `{
    const { elements } = document.getElementById('push-form')
    elements.subscription.value = ${JSON.stringify(subscription)}
    elements.subscription.form.submit()
  }`
}
