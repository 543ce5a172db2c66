import { totpCodeAt } from '../../../src/domain/credentials/totp/totp.ts'
import type { Person } from '../../support/authcore.ts'
import type { Form } from '../../support/forms.ts'
import type { Browser, Fields, Reply } from '../../support/http.ts'
import { createSoftKey, optionsOn } from '../../support/webauthn.ts'

/**
 * Stands in for the person at the browser that the suite drives: reads which page it is by the stable
 * ids of its forms, fills it in, and stops where the browser would leave for the client.
 */

/** What the browser brings to the client, or the page of ours at which it ends. */
export type Journey = {
  /** The pages seen, by the id of their form: `login-form`, `consent-form`, … */
  seen: string[]
  /** What the page that signs out loads of the clients, before the browser leaves it. */
  frames: URL[]
  /** Where and how the browser leaves; undefined where it stays with us. */
  leaves: Departure | undefined
  /** The page the browser is at, or the reply that sends it away. */
  last: Reply
}

export type Departure = {
  uri: URL
  /** Of a form that posts itself (`form_post`); undefined for a redirect. */
  posted: URLSearchParams | undefined
}

export type Conduct = {
  person: Person
  /** Ids of forms at which the person does something else than go on. */
  cancelsAt?: 'login-form' | 'consent-form'
  /** Comes no further than this page. */
  stopsAt?: string
}

type Walk = { browser: Browser; issuer: string; conduct: Conduct }

export async function walk({ browser, issuer, conduct }: Walk, start: Reply): Promise<Journey> {
  const isOurs = (uri: string) => new URL(uri).origin === new URL(issuer).origin
  const follow = (reply: Reply) => browser.followAll(reply, (next) => !isOurs(next))
  const seen: string[] = []
  let last = await follow(start)
  for (let step = 0; step < 12; step++) {
    const frames = framesOf(last)
    const leaves = departureOf(last, frames, isOurs)
    if (leaves) return { seen, frames, leaves, last }
    const kept =
      /id="recovery-codes"/.test(last.body) && /id="continue" href="([^"]+)"/.exec(last.body)
    if (kept) {
      last = await follow(await browser.get(new URL(kept[1]!, issuer).href))
      continue
    }
    const form = formOf(last)
    if (form) seen.push(form.id)
    if (!form || form.id === conduct.stopsAt) return { seen, frames, leaves: undefined, last }
    last = await follow(await answer(browser, last, form, conduct))
  }
  throw new Error(`no end at ${last.url}: ${last.text().slice(0, 300)}`)
}

/** The form that takes the person on; of those for passkeys only the one that makes the first. */
function formOf(page: Reply): Form | undefined {
  const makesPasskey = page.body.includes('data-use="create"')
  return page
    .forms()
    .find(
      ({ id }) => (id in STEPS && (id !== 'passkey-form' || makesPasskey)) || id === 'submit-form',
    )
}

function departureOf(
  { location, body, forms }: Reply,
  frames: URL[],
  isOurs: (uri: string) => boolean,
): Departure | undefined {
  const form = forms().find(({ id }) => id === 'submit-form')
  if (form && !isOurs(form.action)) return { uri: new URL(form.action), posted: form.fields }
  // The page that loads frames goes on by a script, once they are loaded, to where its link leads.
  const next = frames.length > 0 ? linkOf(body, 'continue') : location
  return next && !isOurs(next) ? { uri: new URL(next), posted: undefined } : undefined
}

function framesOf({ body }: Reply): URL[] {
  const frames = [...body.matchAll(/<iframe [^>]*src="([^"]*)"/g)]
  return frames.map(([, src = '']) => new URL(src.replaceAll('&amp;', '&')))
}

function linkOf(body: string, id: string): string | undefined {
  const [, href] = new RegExp(`<a [^>]*id="${id}"[^>]* href="(https?:[^"]*)"`).exec(body) ?? []
  return href?.replaceAll('&amp;', '&')
}

async function answer(browser: Browser, page: Reply, { id }: Form, conduct: Conduct) {
  const cancels = conduct.cancelsAt === id
  const { fields, button } = STEPS[id]?.(conduct, page) ?? { fields: {}, button: 'continue' }
  const reply = cancels
    ? await browser.submit(page, {}, { form: (form) => form.id === 'cancel-form' })
    : await browser.submit(page, fields, { form: (form) => form.id === id, button })
  if (reply.status < 400) return reply
  throw new Error(`${reply.status} at ${page.url}: ${reply.text().slice(0, 300)}`)
}

const STEPS: Record<string, (conduct: Conduct, page: Reply) => { fields: Fields; button: string }> =
  {
    'login-form': ({ person }) => ({
      fields: { login: person.email, password: person.password },
      button: 'sign-in',
    }),
    'enrol-form': (_, { body }) => ({
      fields: { code: totpCodeAt(secretOn(body), new Date()) },
      button: 'confirm',
    }),
    'passkey-form': (_, { body, url }) => ({
      fields: {
        credential: createSoftKey(optionsOn(body), { origin: new URL(url).origin }).response,
      },
      button: 'create-passkey',
    }),
    'consent-form': () => ({ fields: {}, button: 'allow' }),
    'select-account-form': () => ({ fields: {}, button: 'account-1' }),
    // The code is filled in already where the address of the page has it.
    'device-code-form': () => ({ fields: {}, button: 'submit-code' }),
    'device-confirm-form': () => ({ fields: {}, button: 'confirm' }),
    'logout-form': () => ({ fields: {}, button: 'logout' }),
  }

/** What a person types into an authenticator who cannot scan the code. */
function secretOn(body: string): string {
  const [, secret = ''] = /id="totp-secret"[^>]*>([A-Z2-7 ]+)</.exec(body) ?? []
  return secret.replaceAll(' ', '')
}
