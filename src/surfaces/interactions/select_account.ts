import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { goOn, seeOther } from './dispatch.ts'
import { finish, loadInteraction } from './interaction.ts'
import { checkForm, csrfKey } from './login.ts'
import type { InteractionDeps } from './mount.ts'

/** Which account to go on with: the one signed in, or another one. */

const chooserForm = z.object({
  csrf: z.string().max(200),
  account: z.string().max(64).optional(),
  another: z.string().max(8).optional(),
})

export async function showAccounts(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { uid, next, client, accountId } = await loadInteraction(deps, ctx)
  if (next.step !== 'select_account') return seeOther(ctx, `/interaction/${uid}`)
  const account = accountId ? await findAccountById(deps.db, accountId) : undefined
  deps.pages.send(ctx, 'interactions/select_account', {
    client: clientViewOf(client),
    accounts: account ? [{ id: account.id, ...accountViewOf(account) }] : [],
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
  const chosen = form.account !== undefined && form.account === interaction.accountId
  goOn(deps, ctx, interaction, chosen ? await finish(deps, ctx, interaction) : `${path}/login`)
}
