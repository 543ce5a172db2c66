import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { findPassword } from '../../domain/credentials/password/password_store.ts'
import { exportPersonalData } from '../../domain/personal_data/export_personal_data.ts'
import { countPersonalData } from '../../domain/personal_data/personal_data_store.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { partsOf } from './data_page.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh } from './person.ts'

/** What is held about somebody, to look at and to take along. */

const form = z.object({ csrf: z.string().max(200), as: z.enum(['file', 'page']).default('file') })

export async function showData(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { accountId } = person
  const [counts, password] = await Promise.all([
    countPersonalData(deps.db, { accountId, now: deps.clock.now() }),
    findPassword(deps.db, accountId),
  ])
  deps.pages.send(ctx, 'account/data', {
    page: 'overview',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: '/account/data',
    passwordChangedAt: password?.changedAt.toISOString(),
    counts,
  })
}

/** All of it in one place is worth a fresh sign-in, to read as to keep. */
export async function handOutData(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, as } = parseForm(form, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'data'))) return
  const { accountId } = person
  const data = await exportPersonalData(deps, { accountId, by: 'owner', origin: originOf(ctx) })
  if (as === 'page') {
    return deps.pages.send(ctx, 'account/data_page', {
      page: 'overview',
      account: accountViewOf(person.account),
      parts: partsOf(data, deps.renderer.translator(deps.pages.localeOf(ctx))),
    })
  }
  ctx.attachment('account-data.json')
  ctx.type = 'json'
  ctx.set('Cache-Control', 'no-store')
  ctx.body = `${JSON.stringify(data, null, 2)}\n`
}
