import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { finish, loadInteraction, useSession } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** Which account to go on with: one of those that are signed in to this browser, or another one. */

const chooserForm = z.object({
  csrf: z.string().max(200),
  account: z.string().max(64).optional(),
  another: z.string().max(8).optional(),
})

export async function showAccounts(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { uid, next, client, accountId } = await loadInteraction(deps, ctx)
  if (next.step !== 'select_account') return seeOther(ctx, `/interaction/${uid}`)
  const ids = [...(accountId ? [accountId] : []), ...(await deps.accounts.list(ctx))]
  const accounts = await Promise.all([...new Set(ids)].map((id) => findAccountById(deps.db, id)))
  deps.pages.send(ctx, 'interactions/select_account', {
    client: clientViewOf(client),
    accounts: accounts.flatMap((account) =>
      account ? [{ id: account.id, ...accountViewOf(account) }] : [],
    ),
    action: `/interaction/${uid}/select_account`,
    csrf: issueCsrf(csrfKey(deps), [uid]),
  })
}

export async function submitAccount(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(chooserForm, await readForm(ctx))
  checkForm(deps, interaction, [interaction.uid], form.csrf)
  const path = `/interaction/${interaction.uid}`
  if (interaction.next.step !== 'select_account') return goOn(deps, ctx, interaction, path)
  if (await choose(deps, ctx, interaction, form.account)) {
    return goOn(deps, ctx, interaction, await finish(deps, ctx, interaction))
  }
  goOn(deps, ctx, interaction, `${path}/login`)
}

/** False where the account has to sign in: it is another one, or its session has ended meanwhile. */
async function choose(
  deps: InteractionDeps,
  ctx: Context,
  { accountId, details }: Awaited<ReturnType<typeof loadInteraction>>,
  chosen: string | undefined,
): Promise<boolean> {
  if (chosen === undefined) return false
  if (chosen === accountId) return true
  const session = await deps.accounts.take(ctx, chosen)
  if (session) await useSession(deps, details, session)
  return session !== undefined
}
