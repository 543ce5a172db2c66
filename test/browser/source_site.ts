import type { Page } from 'playwright-core'
import { SOURCE_URI } from '../support/made_up_source.ts'

/** The pages of a made-up source, in this browser: one on which whoever is sent there goes back. */
export async function openSource(
  page: Page,
  { issuer, connection }: { issuer: string; connection: string },
): Promise<void> {
  await page.context().route(`${SOURCE_URI}?**`, (route) => {
    const state = new URL(route.request().url()).searchParams.get('state') ?? ''
    const answer = new URLSearchParams({ state, code: 'x' })
    const back = `${issuer}/federation/${connection}/callback?${answer}`
    const body = `<!doctype html><title>Source</title><a id="back-there" href="${back.replace('&', '&amp;')}">Go on</a>`
    return route.fulfill({ contentType: 'text/html', body })
  })
}
