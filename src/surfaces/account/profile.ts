import type { Context } from 'koa'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { changeProfile } from '../../domain/accounts/change_profile.ts'
import type { Fault } from '../../domain/accounts/profile/attribute.ts'
import { viewsOf } from '../../domain/accounts/profile/profile_field_views.ts'
import {
  namesOf,
  ownFields,
  readFields,
  type Typed,
  typedOf,
} from '../../domain/accounts/profile/profile_fields.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { PROFILE_FORM_FIELDS, profileForm } from '../../web/profile_form.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh } from './person.ts'

/** The standard claims that people change themselves, and the attributes of the deployment. */

type State = { typed: Typed; faults?: ReadonlyMap<string, Fault>; saved?: boolean }

export async function showProfile(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  send(deps, ctx, person, { typed: typedOf(ownFields(deps.profile), person.account) })
}

export async function changeOwnProfile(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const fields = ownFields(deps.profile)
  const form = profileForm(namesOf(fields))
  const { csrf, ...typed } = parseForm(form, await readForm(ctx, PROFILE_FORM_FIELDS))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'profile'))) return
  const { change, faults } = readFields(deps.profile, fields, typed, person.account.claims)
  if (faults.size > 0) return send(deps, ctx, person, { typed, faults })
  await changeProfile(deps, person.accountId, change, originOf(ctx))
  send(deps, ctx, person, { typed, saved: true })
}

function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  { typed, faults, saved }: State,
): void {
  const look = { typed, locale: deps.pages.localeOf(ctx), ...(faults ? { faults } : {}) }
  const fields = ownFields(deps.profile)
  const of = (kind: string) =>
    viewsOf(
      fields.filter((field) => field.kind === kind),
      look,
    )
  const locals = {
    page: 'profile' as const,
    account: accountViewOf(person.account),
    action: '/account/profile',
    emailUri: deps.sendsMail ? '/account/profile/email' : undefined,
    phoneUri: deps.sendsSms ? '/account/profile/phone' : undefined,
    usernameUri: deps.ownUsernames ? '/account/profile/username' : undefined,
    csrf: csrfOf(deps, person),
    fields: of('claim'),
    addressFields: of('address'),
    ownFields: of('attribute'),
    saved,
    error: faults && ('invalid' as const),
  }
  deps.pages.send(ctx, 'account/profile', locals, faults ? 422 : 200)
}
