import type { Page } from 'playwright-core'
import type { AccountFault, PasswordCheck } from '../../src/domain/federation/connector.ts'
import { createConnection } from '../../src/domain/federation/manage_connections.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { madeUpSource, personOf, SOURCE_URI } from '../support/made_up_source.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { fillInLogin } from './visitor.ts'

/** The pages that people meet who sign in with what they have elsewhere, as a part of the walk. */
export type SourceWorld = { server: AuthCore; site: ClientSite; stop(): Promise<void> }

type Look = (page: Page, name: string) => Promise<void>

const FAULTS = [
  'disabled',
  'expired',
  'locked',
  'not_permitted',
  'must_change_password',
  'password_expired',
] as const satisfies readonly AccountFault[]

export async function startSourceWorld(): Promise<SourceWorld> {
  const source = madeUpSource()
  source.directory.check = checkOf
  source.directory.change = async () => ({ kind: 'refused', reason: 'policy' })
  const { kinds } = source
  const server = await startAuthCore({ kinds })
  for (const content of [
    { name: 'works', kind: 'made_up', title: 'Example Works' },
    { name: 'acme', kind: 'made_up', title: 'Acme Research and Development International' },
    { name: 'corp', kind: 'made_up_directory', title: 'Example Works', domains: ['works.example'] },
    {
      name: 'closed',
      kind: 'made_up_directory',
      title: 'Staff directory',
      domains: ['closed.example'],
      rules: { allow: 'false' },
    },
  ]) {
    await createConnection({ ...server.parts, kinds }, { content, secrets: {} })
  }
  const site = await startClientSite(server)
  return {
    server,
    site,
    async stop() {
      await site.stop()
      await server.stop()
    },
  }
}

/** Names of a state have it; anybody else is right, with an address that nobody has proven. */
function checkOf({ login }: { login: string }): PasswordCheck {
  const fault = FAULTS.find((each) => login.startsWith(`${each}@`))
  if (fault) return { kind: 'barred', fault }
  return { kind: 'right', person: personOf(login, { email: login }) }
}

export async function connectionPages(world: SourceWorld, page: Page, look: Look): Promise<void> {
  const { site } = world
  await page.goto(`${site.startUri}?prompt=login`)
  await page.locator('#sources').waitFor()
  await look(page, 'login_sources')
  await failedPages(world, page, look)
  for (const fault of FAULTS) {
    await passwordThere(world, page, `${fault}@works.example`)
    await page.locator('#reason').waitFor()
    await look(page, `directory_${fault}`)
  }
  await page.locator('#current').fill('the old one')
  await page.locator('#password').fill('short')
  await page.locator('#change-password').click()
  await page.locator('#problem').waitFor()
  await look(page, 'directory_password_refused')
  await linkPages(world, page, look)
}

/** A source that says no, and a directory whose people a rule keeps out. */
async function failedPages(world: SourceWorld, page: Page, look: Look): Promise<void> {
  const { server, site } = world
  await page.context().route(`${SOURCE_URI}?**`, async (route) => {
    const state = new URL(route.request().url()).searchParams.get('state') ?? ''
    const back = `${server.issuer}/federation/works/callback`
    const location = `${back}?${new URLSearchParams({ state, error: 'access_denied' })}`
    await route.fulfill({ status: 303, headers: { location } })
  })
  await page.locator('#with-works').click()
  await page.locator('#again').waitFor()
  await look(page, 'connection_failed')
  // As a browser has it that has signed in there before.
  const cookie = {
    name: 'authcore_connection',
    value: 'works',
    url: `${server.issuer}/interaction`,
  }
  await page.context().addCookies([cookie])
  await page.goto(`${site.startUri}?prompt=login`)
  await page.locator('#with-works .small').waitFor()
  await look(page, 'login_sources_used')
  await passwordThere(world, page, 'alice@closed.example')
  await page.locator('#reason').waitFor()
  await look(page, 'connection_failed_directory')
}

/** Somebody new there who has an account here. */
async function linkPages(world: SourceWorld, page: Page, look: Look): Promise<void> {
  const person = await addPerson(world.server, { claims: { name: 'Amira Haddad' } })
  await passwordThere(world, page, 'amira.haddad@works.example')
  await page.locator('#create').waitFor()
  await look(page, 'link_account')
  await page.locator('#sign-in-to-link').click()
  await fillInLogin(page, person)
  await page.locator('#link').waitFor()
  await look(page, 'confirm_link')
}

async function passwordThere({ site }: SourceWorld, page: Page, email: string): Promise<void> {
  await page.goto(`${site.startUri}?prompt=login`)
  await fillInLogin(page, { id: '', email, password: 'a password of there' })
}
