import { type Filter, PagedResultsControl, SearchRequest } from 'ldapts'
import { type BindOutcome, bind, refusal } from './bind.ts'
import type { Channel, MakeRequest, Reply } from './channel.ts'
import { withoutLarge } from './entry.ts'
import { LdapError } from './ldap_error.ts'
import { type Entry, SEARCH_DONE } from './message.ts'
import type { LdapSettings } from './settings.ts'

/** An open connection in the words of this folder: what is asked of a directory, within its limits. */

export type Search = {
  base: string
  /** `base`: the entry itself. `sub`: all beneath it as well. */
  scope: 'base' | 'sub'
  filter: Filter
  attributes: readonly string[]
  /** Entries that are asked for, and no more are taken. */
  limit: number
}

export type Connection = {
  channel: Channel
  /**
   * Up to `limit` entries.
   *
   * @throws LdapError, `base_missing` where there is no such base and the scope is `sub`
   */
  search(input: Search): Promise<readonly Entry[]>
  /** A page of the search (RFC 2696), and what the next one is asked for with. @throws LdapError */
  searchPage(
    input: Search,
    cookie: Buffer | undefined,
  ): Promise<{ entries: readonly Entry[]; next: Buffer | undefined }>
  /** @throws LdapError */
  bind(name: string, password: string): Promise<BindOutcome>
  /** Another request, within the deadline of a bind. @throws LdapError */
  request(make: MakeRequest, answeredBy: number): Promise<Reply>
}

type Limits = Pick<LdapSettings, 'timeouts' | 'limits'>

const NO_SUCH_OBJECT = 32
const SIZE_LIMIT_EXCEEDED = 4
const MAX_OTHER_ANSWER_BYTES = 64 * 1024

export function createConnection(channel: Channel, { timeouts, limits }: Limits): Connection {
  const ask = (input: Search, paged?: PagedResultsControl) =>
    channel.request((base) => searchRequest(base, input, timeouts.search_ms, paged), SEARCH_DONE, {
      timeoutMs: timeouts.search_ms,
      maxBytes: limits.answer_bytes,
      maxEntries: input.limit,
    })
  const bounded = ({ entries }: Reply) =>
    entries.map((entry) => withoutLarge(entry, limits.attribute_bytes))
  return {
    channel,
    async search(input) {
      const reply = await ask(input)
      const { code } = reply.result
      if (code === NO_SUCH_OBJECT && input.scope === 'base') return []
      if (code === NO_SUCH_OBJECT) throw new LdapError('base_missing', channel.server)
      if (code !== 0 && code !== SIZE_LIMIT_EXCEEDED) throw refusal(code, channel.server)
      return bounded(reply)
    },
    async searchPage(input, cookie) {
      const value = { size: input.limit, ...(cookie ? { cookie } : {}) }
      const reply = await ask(input, new PagedResultsControl({ critical: true, value }))
      const { code } = reply.result
      if (code === NO_SUCH_OBJECT) throw new LdapError('base_missing', channel.server)
      if (code !== 0) throw refusal(code, channel.server)
      return { entries: bounded(reply), next: reply.result.nextPage }
    },
    bind: (name, password) => bind(channel, name, password, timeouts.bind_ms),
    request: (make, answeredBy) =>
      channel.request(make, answeredBy, {
        timeoutMs: timeouts.bind_ms,
        maxBytes: MAX_OTHER_ANSWER_BYTES,
      }),
  }
}

function searchRequest(
  base: Parameters<MakeRequest>[0],
  input: Search,
  timeoutMs: number,
  paged: PagedResultsControl | undefined,
): SearchRequest {
  return new SearchRequest({
    ...base,
    baseDN: input.base,
    scope: input.scope,
    filter: input.filter,
    attributes: [...input.attributes],
    // The page has a limit of its own; this one would end the list with it.
    sizeLimit: paged ? 0 : input.limit,
    timeLimit: Math.ceil(timeoutMs / 1000),
    ...(paged ? { controls: [paged] } : {}),
  })
}
