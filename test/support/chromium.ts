import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AxeResults, Result } from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { findProgram } from './component.ts'
import type { Availability } from './skip.ts'

/** One Chromium per test file, one fresh context (cookies, storage) per page. */

const SCREENSHOTS = fileURLToPath(new URL('../../data/screenshots/', import.meta.url))
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

export const executable = () => process.env['CHROMIUM'] || findProgram(...NAMES)

export function available(): Availability {
  return executable() ? { ok: true } : { ok: false, reason: 'chromium not installed' }
}

let browser: Promise<Browser> | undefined

/** Starts Chromium at the first call and gives the same one to later calls. */
export function startChromium(): Promise<Browser> {
  browser ??= launch()
  return browser
}

export async function stopChromium(): Promise<void> {
  await (await browser)?.close()
  browser = undefined
}

function launch(): Promise<Browser> {
  const executablePath = executable()
  if (!executablePath) throw new Error('chromium is not installed')
  return chromium.launch({
    executablePath,
    chromiumSandbox: false, // root is refused one, and only our own pages are opened
    args: [
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-dev-shm-usage',
      '--no-first-run',
    ],
  })
}

export type PageOptions = {
  width?: number
  height?: number
  colorScheme?: 'light' | 'dark'
  locale?: string
  javaScriptEnabled?: boolean
  proxy?: { server: string; bypass?: string }
}

/** A page in a context of its own; `page.context().close()` ends both. */
export async function newPage(options: PageOptions = {}): Promise<Page> {
  const { width = 1280, height = 800, ...rest } = options
  const context: BrowserContext = await (await startChromium()).newContext({
    viewport: { width, height },
    ignoreHTTPSErrors: true,
    ...rest,
  })
  context.setDefaultTimeout(30_000)
  return context.newPage()
}

/** Writes data/screenshots/`name`.png, the whole page, and returns the path. */
export async function screenshot(page: Page, name: string): Promise<string> {
  await mkdir(SCREENSHOTS, { recursive: true })
  const file = path.join(SCREENSHOTS, `${name}.png`)
  await page.screenshot({ path: file, fullPage: true, animations: 'disabled' })
  return file
}

const WCAG_22_AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
let axeSource: string | undefined

/**
 * What axe-core finds against WCAG 2.2 AA, one line per rule; empty where the page is in order. It is
 * evaluated through the debugger, to which the page's Content-Security-Policy does not apply.
 */
export async function axe(page: Page): Promise<string[]> {
  axeSource ??= readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate<AxeResults, string[]>(
    (tags) => (globalThis as unknown as AxeGlobal).axe.run({ runOnly: tags }),
    WCAG_22_AA,
  )
  return violations.map(describeViolation)
}

type AxeGlobal = { axe: { run(options: { runOnly: string[] }): Promise<AxeResults> } }

function describeViolation({ id, help, nodes }: Result): string {
  return `${id}: ${help} (${nodes.map((node) => node.target.join(' ')).join(', ')})`
}
