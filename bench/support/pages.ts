import type { Browser, Reply } from '../../test/support/http.ts'

/** Something else came than what the measurement is about. */
export class Refused extends Error {
  readonly status: number

  constructor(reply: Reply) {
    super(`${reply.status} from ${reply.url}: ${reply.text().slice(0, 300)}`)
    this.status = reply.status
  }
}

/**
 * Goes from an authorization request through every page of ours that comes, as a person would, until
 * the browser would leave `ours`. Returns the reply that sends it away, or a page that is no step.
 */
export async function signInThroughPages(
  person: Browser,
  start: Reply,
  { ours, login, password }: { ours: string; login: string; password: string },
): Promise<Reply> {
  const leaves = (location: string) => !location.startsWith(ours)
  let page = await person.followAll(start, leaves)
  for (let step = 0; step < 6; step++) {
    if (page.location && leaves(page.location)) return page
    if (page.status >= 400) throw new Refused(page)
    const { pathname } = new URL(page.url)
    const answer = pathname.endsWith('/login')
      ? await person.submit(page, { login, password })
      : pathname.endsWith('/consent')
        ? await person.submit(page, {}, { button: 'Allow' })
        : undefined
    if (!answer) return page
    page = await person.followAll(answer, leaves)
  }
  throw new Error(`no end at ${page.url}`)
}
