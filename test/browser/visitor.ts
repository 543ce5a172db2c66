import { expect } from 'chai'
import type { Page } from 'playwright-core'
import type { Person } from '../support/authcore.ts'
import { available, newPage, type PageOptions, stopChromium } from '../support/chromium.ts'
import { requires } from '../support/skip.ts'
import type { ClientSite } from './client_site.ts'

/**
 * People with a browser each. Whatever they do, no page may break its own policy, throw, complain in
 * the console, miss a resource or answer 5xx: after every test that is looked at too.
 */
export type NewVisitor = (options?: VisitorOptions) => Promise<Page>

/** `meetsUnavailable`: a page that answers 503 is what the test is about. */
type VisitorOptions = PageOptions & { meetsUnavailable?: boolean }

/** How long a page may take; it is short of a second unless the machine is very busy. */
const PATIENCE_MS = 20_000

type BrowserTest = (title: string, body: (newVisitor: NewVisitor) => Promise<void>) => void

/** To be called in a `describe`; what it returns is an `it` whose body can open browsers. */
export function browserTests(): BrowserTest {
  before(function () {
    requires(this, available())
  })
  after(stopChromium)
  return (title, body) => {
    it(title, async () => {
      const visits: { page: Page; faults: string[] }[] = []
      try {
        await body(async ({ meetsUnavailable = false, ...options } = {}) => {
          const page = await newPage(options)
          page.context().setDefaultTimeout(PATIENCE_MS)
          visits.push({ page, faults: watch(page, { meetsUnavailable }) })
          return page
        })
      } catch (error) {
        throw withFaults(error, visits)
      } finally {
        await Promise.all(visits.map(({ page }) => page.context().close()))
      }
      expect(visits.flatMap(({ faults }) => faults)).to.deep.equal([])
    })
  }
}

/** What a page complained of is often why a test failed. */
function withFaults(error: unknown, visits: { faults: string[] }[]): unknown {
  const faults = visits.flatMap((visit) => visit.faults)
  if (error instanceof Error && faults.length > 0) error.message += `\n${faults.join('\n')}`
  return error
}

/** What goes wrong on this page and on every other of its context from now on. */
function watch(page: Page, { meetsUnavailable }: { meetsUnavailable: boolean }): string[] {
  const faults: string[] = []
  const context = page.context()
  context.on('console', (message) => {
    // Chromium reports the status of the page itself in the same words as that of a missing picture.
    const statuses = meetsUnavailable ? '4\\d\\d|503' : '4\\d\\d'
    const told = new RegExp(`^Failed to load resource: .* status of (${statuses})`)
    if (told.test(message.text())) return
    if (['error', 'warning'].includes(message.type())) {
      faults.push(`console: ${message.text()} (${message.location().url})`)
    }
  })
  context.on('weberror', (error) => void faults.push(`thrown: ${error.error().message}`))
  context.on('response', (response) => {
    const own = response.request().isNavigationRequest()
    if (response.status() < (own ? 500 : 400)) return
    if (own && meetsUnavailable && response.status() === 503) return
    faults.push(`${response.status()} ${response.request().method()} ${response.url()}`)
  })
  return faults
}

/** Fills in the sign-in page, or both of them, and sends it. */
export async function fillInLogin(page: Page, { email, password }: Person): Promise<void> {
  await page.locator('#login').fill(email)
  const next = page.locator('#next')
  if (await next.isVisible()) await next.click()
  await page.locator('#password').fill(password)
  await page.locator('#sign-in').click()
}

/** Signs this person in at the site, allowing whatever is asked. */
export async function signIn(page: Page, site: ClientSite, person: Person): Promise<void> {
  await page.goto(site.startUri)
  await signInHere(page, person)
}

/** The same from a sign-in page on. */
export async function signInHere(page: Page, person: Person): Promise<void> {
  await fillInLogin(page, person)
  const allow = page.locator('#allow')
  await allow.or(page.getByRole('heading', { name: `Welcome ${person.id}` })).waitFor()
  if (await allow.isVisible()) await allow.click()
  await expectHeading(page, `Welcome ${person.id}`)
}

/** The page's heading, once it is this one. */
export async function expectHeading(page: Page, heading: string | RegExp): Promise<void> {
  const found = page.getByRole('heading', { level: 1 })
  const matches = (text: string) =>
    typeof heading === 'string' ? text === heading : heading.test(text)
  const deadline = Date.now() + PATIENCE_MS
  let text = ''
  while (Date.now() < deadline) {
    text = await found.innerText({ timeout: 1_000 }).catch(() => text)
    if (matches(text)) return
    await page.waitForTimeout(50)
  }
  expect.fail(`the heading is "${text}" at ${page.url()}, not ${heading}`)
}

export async function expectLink(page: Page, name: string, href: string): Promise<void> {
  expect(await page.getByRole('link', { name }).getAttribute('href')).to.equal(href)
}
