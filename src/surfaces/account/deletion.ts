import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { cancelDeletion, scheduleDeletion } from '../../domain/accounts/schedule_deletion.ts'
import { deleteTrustedDevicesOfAccount } from '../../domain/sessions/trusted_device_store.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'

/** Deleting one's own account, in some days, and keeping it after all. */

const csrfForm = z.object({ csrf: z.string().max(200) })

export async function showDeletion(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const graceDays = deps.deletionGraceDays
  if (graceDays === undefined) return sendTo(deps, ctx, '/account')
  if (await requireFresh(deps, ctx, person, 'delete')) send(deps, ctx, person, { graceDays })
}

export async function deleteOwnAccount(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf } = parseForm(csrfForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const graceDays = deps.deletionGraceDays
  if (graceDays === undefined) return sendTo(deps, ctx, '/account')
  if (!(await requireFresh(deps, ctx, person, 'delete'))) return
  const { accountId } = person
  const origin = originOf(ctx)
  const at = await scheduleDeletion(deps, { accountId, graceDays, origin }, async (tx, id) => {
    await deps.sessions.endAccess(tx, id)
    await deleteTrustedDevicesOfAccount(tx, id)
  })
  send(deps, ctx, person, { graceDays, at: at.toISOString() })
}

/** It takes no fresh sign-in: whoever wants to keep an account should not be asked for anything. */
export async function keepAccount(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf } = parseForm(csrfForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  await cancelDeletion(deps, { accountId: person.accountId, origin: originOf(ctx) })
  sendTo(deps, ctx, '/account')
}

function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  state: Pick<Views['account/delete'], 'graceDays' | 'at'>,
): void {
  deps.pages.send(ctx, 'account/delete', {
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: '/account/delete',
    ...state,
  })
}
