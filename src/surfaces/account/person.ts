import type { KeyObject } from 'node:crypto'
import type { Context } from 'koa'
import { epochSeconds } from '../../core/clock.ts'
import type { Account } from '../../domain/accounts/account.ts'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { MULTI_FACTOR_ACR, meetsAcr } from '../../domain/authentication/assurance.ts'
import { listSecondFactors } from '../../domain/credentials/factor_store.ts'
import { checkCsrf, issueCsrf } from '../../web/csrf.ts'
import type { AccountDeps, SignedInPerson } from './mount.ts'

/** Whoever is signed in at this browser, and how long ago that was. */
export type Person = SignedInPerson & { account: Account }

/** Undefined where the browser was sent to sign in. */
export async function requirePerson(deps: AccountDeps, ctx: Context): Promise<Person | undefined> {
  const signedIn = await deps.signedIn(ctx)
  const account = signedIn && (await findAccountById(deps.db, signedIn.accountId))
  if (signedIn && account) return { ...signedIn, account }
  sendTo(deps, ctx, deps.signInUri({ state: pageOf(ctx) }))
  return undefined
}

const FRESH_S = 600
/** What is asked of the engine is stricter by this, so that the two never disagree at the edge. */
const EDGE_S = 60

/**
 * Whether the sign-in is young enough to change something, and made with a second factor where the
 * account has one (ASVS 7.5.1). Where it is not, the browser was sent to make it so; it comes back to
 * `page`, and whatever was typed is typed again.
 */
export async function requireFresh(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  page: string,
): Promise<boolean> {
  const factors = await listSecondFactors(deps, person.accountId)
  const acr = factors.length > 0 ? MULTI_FACTOR_ACR : undefined
  const age = epochSeconds(deps.clock) - (person.authTime ?? 0)
  const strong = acr === undefined || meetsAcr(person.acr, [acr])
  if (age <= FRESH_S && strong) return true
  sendTo(deps, ctx, deps.signInUri({ state: page, maxAgeS: FRESH_S - EDGE_S, acr }))
  return false
}

/** A form's answer is a page: Chromium holds `form-action` against the redirects that follow. */
export function sendTo(deps: AccountDeps, ctx: Context, uri: string): void {
  if (ctx.method === 'POST') {
    deps.pages.send(ctx, 'interactions/continue', { uri })
  } else {
    ctx.status = 303
    ctx.redirect(uri)
  }
}

const PAGE = /^[a-z_]{1,30}(?:\/[a-z_]{1,30})?$/

/** Back from signing in: to the page that the state names, which is always one below /account. */
export function comeBack(ctx: Context): void {
  ctx.state.route = 'account_signed_in'
  const { state, error } = ctx.query
  const page = typeof state === 'string' && PAGE.test(state) ? `/account/${state}` : '/account'
  ctx.status = 303
  ctx.redirect(error === undefined ? page : '/')
}

/** The page as `comeBack` takes it; a form is come back to at the page that it stands on. */
function pageOf({ path }: Context): string {
  const page = path.slice('/account/'.length)
  const [set] = /^(?:security\/(?:totp|passkey)|profile\/(?:email|phone|username))/.exec(page) ?? []
  return set ?? page.split('/')[0] ?? ''
}

export function csrfOf(deps: AccountDeps, { sessionUid, accountId }: Person): string {
  return issueCsrf(csrfKey(deps), [sessionUid, accountId])
}

/** @throws DomainError `forbidden` where the form was made for another session or account */
export function checkCsrfOf(deps: AccountDeps, person: Person, csrf: string): void {
  checkCsrf(csrfKey(deps), [person.sessionUid, person.accountId], csrf)
}

function csrfKey({ keyring }: AccountDeps): KeyObject {
  return keyring.deriveKey('account_csrf')
}
