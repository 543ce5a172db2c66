import type { KeyObject } from 'node:crypto'
import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import type { Requested } from '../../domain/clients/consent.ts'
import type { Origin } from '../../platform/events/catalogue.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { checkCsrf, issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { askedOf } from './asked.ts'
import { seeOther } from './dispatch.ts'
import type { InteractionDeps } from './mount.ts'
import { detailsOf, requestedOf } from './requested.ts'

/**
 * The page on which people answer what applications ask them from another device (OpenID Connect
 * CIBA). It shows everything that waits for whoever is signed in at this browser; who is not signs in
 * first. Each request is answered by a form of its own, and once.
 */
export type ApprovalsPage = {
  path: string
  list(accountId: string): Promise<Pending[]>
  find(handle: string, accountId: string): Promise<Pending | undefined>
  mayApprove(pending: Pending, by: Person): Promise<boolean>
  answer(handle: string, by: Person, answer: Answer, origin: Origin): Promise<boolean>
  signedIn(ctx: Context): Promise<Person | undefined>
  signInUri(options?: { prompt?: 'login' | 'select_account' }): string
}

type Pending = { handle: string; clientId: string; params: Record<string, unknown>; askedAt: Date }
type Answer = { kind: 'approved'; granted: Requested | undefined } | { kind: 'denied' }
type Person = {
  accountId: string
  sessionUid: string
  acr: string | undefined
  amr: string[] | undefined
  authTime: number | undefined
}
type Shown = Views['interactions/approvals']['requests'][number]

const answerForm = z.object({
  csrf: z.string().max(200),
  request: z.string().regex(/^[\w-]{1,100}$/),
  answer: z.enum(['approve', 'deny']),
})

export async function showApprovals(deps: InteractionDeps, ctx: Context): Promise<void> {
  const approvals = deps.approvals!
  const person = await approvals.signedIn(ctx)
  const account = person && (await findAccountById(deps.db, person.accountId))
  // Back from signing in: what the answer carries is of no use, and does not stay in the address.
  const { code, error } = ctx.query
  if (!person || !account) return seeOther(ctx, error ? '/' : approvals.signInUri())
  if (code || error) return seeOther(ctx, approvals.path)
  const locale = deps.pages.localeOf(ctx)
  const waiting = await approvals.list(person.accountId)
  const shown = await Promise.all(waiting.map((each) => shownOf(deps, person, each, locale)))
  deps.pages.send(ctx, 'interactions/approvals', {
    account: accountViewOf(account),
    switchUri: approvals.signInUri({ prompt: 'select_account' }),
    action: approvals.path,
    requests: shown.filter((each) => each !== undefined),
  })
}

export async function answerApproval(deps: InteractionDeps, ctx: Context): Promise<void> {
  const approvals = deps.approvals!
  const form = parseForm(answerForm, await readForm(ctx))
  const person = await approvals.signedIn(ctx)
  if (!person) return deps.pages.send(ctx, 'interactions/continue', { uri: approvals.signInUri() })
  checkCsrf(csrfKey(deps), bindingsOf(person, form.request), form.csrf)
  const pending = await approvals.find(form.request, person.accountId)
  if (form.answer === 'approve' && pending && !(await approvals.mayApprove(pending, person))) {
    const uri = approvals.signInUri({ prompt: 'login' })
    return deps.pages.send(ctx, 'interactions/continue', { uri })
  }
  const answer = await answerOf(deps, form.answer, pending)
  const stands = await approvals.answer(form.request, person, answer, originOf(ctx))
  const outcome = stands ? answer.kind : 'gone'
  const locals = { outcome, othersUri: approvals.path } as const
  deps.pages.send(ctx, 'interactions/approval_done', locals, stands ? 200 : 409)
}

/** What is allowed is read from the stored request: nothing where that waits no more. */
async function answerOf(
  deps: InteractionDeps,
  answer: 'approve' | 'deny',
  pending: Pending | undefined,
): Promise<Answer> {
  if (answer === 'deny') return { kind: 'denied' }
  const client = pending && (await deps.provider().Client.find(pending.clientId))
  const granted = client && (await requestedOf(pending.params, client, deps))
  return { kind: 'approved', granted }
}

async function shownOf(
  deps: InteractionDeps,
  person: Person,
  { handle, clientId, params, askedAt }: Pending,
  locale: string,
): Promise<Shown | undefined> {
  const client = await deps.provider().Client.find(clientId)
  if (!client) return undefined
  const requested = await requestedOf(params, client, deps)
  const asked = await askedOf(deps, requested, detailsOf(params), locale)
  const message = params['binding_message']
  return (
    asked && {
      ...asked,
      handle,
      csrf: issueCsrf(csrfKey(deps), bindingsOf(person, handle)),
      client: clientViewOf(client),
      bindingMessage: typeof message === 'string' ? message : undefined,
      askedAt: askedAt.toISOString(),
    }
  )
}

function bindingsOf({ sessionUid, accountId }: Person, handle: string): string[] {
  return [sessionUid, accountId, handle]
}

function csrfKey({ keyring }: InteractionDeps): KeyObject {
  return keyring.deriveKey('approval_csrf')
}
