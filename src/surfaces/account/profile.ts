import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { changeProfile, type ProfileChange } from '../../domain/accounts/change_profile.ts'
import { standardClaims } from '../../domain/accounts/claims.ts'
import type { ProfileFieldName } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh } from './person.ts'

/** The standard claims that people change themselves (OpenID Connect Core §5.1). */

/** Each with the word under which browsers know it, where they do. */
const FIELDS = {
  name: 'name',
  given_name: 'given-name',
  family_name: 'family-name',
  nickname: 'nickname',
  website: 'url',
  birthdate: 'bday',
  zoneinfo: undefined,
} as const satisfies Record<ProfileFieldName, string | undefined>

const NAMES = Object.keys(FIELDS) as ProfileFieldName[]

const typed = z.string().max(4_000)
const profileForm = z.object({
  csrf: z.string().max(200),
  name: typed,
  given_name: typed,
  family_name: typed,
  nickname: typed,
  website: typed,
  birthdate: typed,
  zoneinfo: typed,
})

type State = { values: ProfileChange; faulty?: ReadonlySet<unknown>; saved?: boolean }

export async function showProfile(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  send(deps, ctx, person, { values: person.account.claims as ProfileChange })
}

export async function changeOwnProfile(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, ...fields } = parseForm(profileForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'profile'))) return
  const values: ProfileChange = Object.fromEntries(
    NAMES.map((name) => [name, fields[name].trim() || undefined]),
  )
  const faulty = faultsOf(values)
  if (faulty.size > 0) return send(deps, ctx, person, { values, faulty })
  await changeProfile(deps, person.accountId, values, originOf(ctx))
  send(deps, ctx, person, { values, saved: true })
}

function faultsOf(values: ProfileChange): Set<unknown> {
  const { error } = standardClaims.safeParse(values)
  return new Set(error?.issues.map(({ path }) => path[0]))
}

function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  { values, faulty, saved }: State,
): void {
  const locals = {
    page: 'profile' as const,
    account: accountViewOf(person.account),
    action: '/account/profile',
    emailUri: deps.sendsMail ? '/account/profile/email' : undefined,
    phoneUri: deps.sendsSms ? '/account/profile/phone' : undefined,
    csrf: csrfOf(deps, person),
    fields: NAMES.map((name) => ({
      claim: name,
      value: values[name] ?? '',
      faulty: faulty?.has(name),
      autocomplete: FIELDS[name],
    })),
    saved,
    error: faulty && ('invalid' as const),
  }
  deps.pages.send(ctx, 'account/profile', locals, faulty ? 422 : 200)
}
