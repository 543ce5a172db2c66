import type { HtmlElement } from 'html-validate'
import type { BrowserEntry, Command, Task } from '../../../certification/plans/browser.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'
import { attribute, find, formIndex, isVisible, readPage } from './read_page.ts'

/**
 * Does what the suite's browser does with the scripts of a plan configuration, over plain HTTP: the
 * first entry that matches, its tasks in order, an optional one left out where the address is another.
 * It runs no scripts, and `refreshes` decides whether it follows `<meta http-equiv="refresh">`.
 */

export type Visit = {
  url: string
  page: Reply
  /** The tasks that were not left out. */
  tasks: string[]
  /** The page that filled the placeholder, undefined where nothing did. */
  picture: string | undefined
}

export type ScriptedBrowser = {
  http: Browser
  /** @param options `placeholder`: the suite wants a picture of this visit */
  visit(url: string, options?: { placeholder?: boolean; method?: 'GET' | 'POST' }): Promise<Visit>
}

export type ScriptedBrowserOptions = {
  refreshes?: boolean
  /** A certificate to trust, in PEM. */
  ca?: string
  /** Told of every element that a command found. */
  onFound?: (target: string) => void
}

type State = {
  http: Browser
  options: ScriptedBrowserOptions
  page: Reply
  filled: Record<string, string>
  placeholder: boolean
  picture: string | undefined
}

export function scriptedBrowser(
  script: readonly BrowserEntry[],
  options: ScriptedBrowserOptions = {},
): ScriptedBrowser {
  const http = browser(options.ca === undefined ? {} : { ca: options.ca })
  const entries = structuredClone(script) as BrowserEntry[]
  return {
    http,
    async visit(url, { placeholder = false, method = 'GET' } = {}) {
      const entry = takeEntry(entries, url)
      const [target, query] = method === 'POST' ? url.split('?') : [url]
      const first = await http.request(method, target!, {
        ...(query === undefined
          ? {}
          : { body: query, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      })
      const state: State = {
        http,
        options,
        page: first,
        filled: {},
        placeholder,
        picture: undefined,
      }
      await arrive(state, first)
      const tasks: string[] = []
      for (const task of entry.tasks) {
        if (await perform(state, task)) tasks.push(task.task)
      }
      return { url: state.page.url, page: state.page, tasks, picture: state.picture }
    },
  }
}

function takeEntry(entries: BrowserEntry[], url: string): BrowserEntry {
  for (const entry of entries) {
    if (!matches(entry.match, url)) continue
    const limit = entry['match-limit']
    if (limit !== undefined && limit <= 0) continue
    if (limit !== undefined) entry['match-limit'] = limit - 1
    return entry
  }
  throw new Error(`no script matches ${url}`)
}

/** Spring's simpleMatch: `*` is any text. */
function matches(pattern: string, url: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(url)
}

/** @returns false where it was left out */
async function perform(state: State, task: Task): Promise<boolean> {
  if (!matches(task.match ?? '*', state.page.url)) {
    if (task.optional) return false
    throw new Error(`unexpected url for task ${task.task}: ${state.page.url}`)
  }
  for (const command of task.commands ?? []) await execute(state, command)
  return true
}

async function execute(state: State, command: Command): Promise<void> {
  const [word, by, target, ...rest] = command.map(String) as [string, string, string, ...string[]]
  if (word === 'wait') return wait(state, by, target, rest)
  const root = readPage(state.page.body)
  const element = find(root, by, target)
  if (element) state.options.onFound?.(target)
  switch (word) {
    case 'wait-element-visible':
      if (!element || !isVisible(element)) throw timedOut(state, command)
      return
    case 'wait-element-invisible':
      if (element && isVisible(element)) throw timedOut(state, command)
      return
    case 'text':
    case 'click':
      if (!element && rest.at(-1) === 'optional') return
      if (!element) throw new Error(`no ${target} on ${state.page.url}`)
      if (!isVisible(element)) throw new Error(`${target} cannot be used: it is hidden`)
      if (word === 'click') return await click(state, root, element)
      state.filled[attribute(element, 'name') ?? ''] = rest[0] ?? ''
      return
    default:
      throw new Error(`Invalid Command: ${word}`)
  }
}

function wait(state: State, by: string, target: string, [, regexp, action]: string[]): void {
  const { url, body } = state.page
  const command = ['wait', by, target]
  if (by === 'contains' || by === 'match') {
    const there = by === 'contains' ? url.includes(target) : new RegExp(target).test(url)
    if (!there) throw timedOut(state, command)
    return
  }
  const element = find(readPage(body), by, target)
  if (!element) throw timedOut(state, command)
  if (regexp !== undefined && !new RegExp(regexp).test(element.textContent.trim())) {
    throw timedOut(state, command)
  }
  for (const id of target.split(/[#, ]+/).filter(Boolean)) {
    if (find(readPage(body), 'css', `#${id}`)) state.options.onFound?.(id)
  }
  if (action !== undefined) takePicture(state, action)
}

function takePicture(state: State, action: string): void {
  if (!/^update-image-placeholder(-optional)?$/.test(action)) {
    throw new Error(`Invalid action: ${action}`)
  }
  if (state.placeholder) state.picture ??= state.page.body
  else if (!action.endsWith('-optional')) throw new Error('no placeholder for this picture')
}

async function click(state: State, root: HtmlElement, element: HtmlElement): Promise<void> {
  const { http, page, filled } = state
  const href = attribute(element, 'href')
  if (href !== undefined) return await arrive(state, await http.get(new URL(href, page.url).href))
  const name = attribute(element, 'name')
  const form = formIndex(root, element)
  if (form < 0) throw new Error(`${element.id} sends no form`)
  await arrive(state, await http.submit(page, filled, { form, ...(name ? { button: name } : {}) }))
}

/** Goes on as long as the answers themselves lead on. */
async function arrive(state: State, reply: Reply): Promise<void> {
  let page = reply
  const leads = ({ status, location }: Reply) =>
    location !== undefined && (state.options.refreshes !== false || (status >= 300 && status < 400))
  for (let step = 0; leads(page); step++) {
    if (step === 20) throw new Error(`no end of redirects, the last to ${page.location}`)
    page = await state.http.follow(page)
  }
  state.page = page
  state.filled = {}
}

function timedOut({ page }: State, command: Command): Error {
  return new Error(
    `Timed out waiting: ${command.join(' ')} on ${page.url}: ${page.text().slice(0, 200)}`,
  )
}
