import { PAGES, SELECTORS, SUITE_DONE } from '../tables/selectors.ts'

/**
 * The words of the suite's browser automation, said with our selectors. An entry is taken when the
 * suite visits a matching address; its tasks follow one another, an optional one is left out where
 * the browser is elsewhere. In a pattern `*` is any text: it stands at the end or between slashes.
 */

export type Command = readonly (string | number)[]
export type Task = { task: string; match?: string; optional?: boolean; commands?: Command[] }
export type BrowserEntry = {
  comment?: string
  match: string
  'match-limit'?: number
  tasks: Task[]
}

/** Who is where: addresses without a slash at their end. */
export type Places = {
  op: string
  suite: string
  alias: string
  login: string
  password: string
}

const WAIT_S = 10
const FILLS = 'update-image-placeholder'
const MAY_FILL = 'update-image-placeholder-optional'

export function onAuthorize({ op }: Places, tasks: Task[]): BrowserEntry {
  return { match: op + PAGES.authorize, tasks }
}

export function onLogout({ op }: Places, tasks: Task[]): BrowserEntry {
  return { match: op + PAGES.logout, tasks }
}

/** Every page of ours that may stand between a request and its answer. */
export function throughPages(at: Places): Task[] {
  return [login(at), consent(at), wayOn(at)]
}

/** Photographed where the suite wants to see it: the second login of `prompt=login` and `max_age`. */
export function login(at: Places, { photographed = true } = {}): Task {
  return {
    task: 'Sign in',
    match: at.op + PAGES.login,
    optional: true,
    commands: [
      see(SELECTORS.loginForm, photographed ? MAY_FILL : undefined),
      ['text', 'id', SELECTORS.loginName, at.login],
      ['text', 'id', SELECTORS.loginPassword, at.password],
      ['click', 'id', SELECTORS.loginSubmit],
      goOn,
    ],
  }
}

export function consent(at: Places, { photographed = false } = {}): Task {
  return {
    task: 'Allow',
    match: at.op + PAGES.consent,
    optional: true,
    commands: [
      see(SELECTORS.consentForm, photographed ? MAY_FILL : undefined),
      ['click', 'id', SELECTORS.consentAllow],
      goOn,
    ],
  }
}

export function cancel(at: Places): Task {
  return {
    task: 'Say no',
    match: at.op + PAGES.interaction,
    commands: [['click', 'id', SELECTORS.cancel], goOn],
  }
}

export function seeLogin(at: Places): Task {
  return {
    task: 'See the login page',
    match: at.op + PAGES.login,
    commands: [see(SELECTORS.loginForm, MAY_FILL)],
  }
}

/** With `form_post` the answer is a form: its script sends it, or this. */
export function wayOn(at: Places): Task {
  return {
    task: 'Go on without scripts',
    match: at.op + PAGES.authorize,
    optional: true,
    commands: [goOn],
  }
}

/** Anchored to the suite's own origin: our addresses carry the callback in their query. */
export function arrive({ suite, alias }: Places): Task {
  return {
    task: 'Arrive at the client',
    match: `${suite}/test/a/${alias}/callback*`,
    commands: [['wait', 'id', SUITE_DONE, WAIT_S]],
  }
}

export function arriveIfAny(at: Places): Task {
  return { ...arrive(at), optional: true }
}

export function errorPage(at: Places): Task {
  return {
    task: 'See the error page',
    match: at.op + PAGES.authorize,
    commands: [see(SELECTORS.error, FILLS)],
  }
}

/** Where an answer to the client would be right too. */
export function errorPageIfAny(at: Places): Task {
  return { ...errorPage(at), optional: true, commands: [see(SELECTORS.error, MAY_FILL)] }
}

export function confirmLogout(at: Places): Task {
  return {
    task: 'Log out',
    match: at.op + PAGES.logout,
    optional: true,
    commands: [
      ['wait', 'id', SELECTORS.logoutForm, WAIT_S],
      ['click', 'id', SELECTORS.logoutYes],
    ],
  }
}

/** Where our logout page tells other clients first, it has a way on. */
export function leaveLogout(at: Places): Task {
  return { task: 'Leave', match: at.op + PAGES.logout, optional: true, commands: [goOn] }
}

export function arriveLoggedOut({ suite, alias }: Places): Task {
  return { task: 'Arrive logged out', match: `${suite}/test/a/${alias}/post_logout_redirect*` }
}

export function loggedOut(at: Places): Task {
  return {
    task: 'See that nobody is signed in',
    match: at.op + PAGES.logout,
    commands: [see(SELECTORS.goOn, FILLS)],
  }
}

export function logoutQuestionOrError(at: Places): Task {
  const either = `#${SELECTORS.error}, #${SELECTORS.logoutForm}`
  return {
    task: 'See that it is refused, or asked',
    match: at.op + PAGES.logout,
    commands: [['wait', 'css', either, WAIT_S, '.+', FILLS]],
  }
}

const goOn: Command = ['click', 'id', SELECTORS.goOn, 'optional']

function see(id: string, action: string | undefined): Command {
  const wait = ['wait', 'id', id, WAIT_S]
  return action === undefined ? wait : [...wait, '.+', action]
}
