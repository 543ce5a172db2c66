import type { Context } from 'koa'
import { z } from 'zod'
import { endProofs } from '../../domain/authentication/end_proofs.ts'
import { findPasswordKeeper } from '../../domain/authentication/kept_password.ts'
import { findPassword } from '../../domain/credentials/password/password_store.ts'
import { choosePassword } from '../../domain/credentials/password/set_password.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, type Person, requireFresh, sendTo } from './person.ts'
import { sendSecurity } from './security.ts'

/**
 * Another password: the one before is asked for, whoever sits at the browser (ASVS 6.2.3). There is none
 * to choose here where a directory keeps it.
 */

const passwordForm = z.object({
  csrf: z.string().max(200),
  current: z.string().max(4096).default(''),
  password: z.string().max(4096).default(''),
  end_others: z.enum(['yes']).optional(),
})

export async function changePassword(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const form = parseForm(passwordForm, await readForm(ctx))
  checkCsrfOf(deps, person, form.csrf)
  if (!(await requireFresh(deps, ctx, person, 'security'))) return
  if (await findPasswordKeeper(deps, person.accountId)) {
    return sendTo(deps, ctx, '/account/security')
  }
  const endOthers = form.end_others === 'yes'
  if (form.password === '') {
    return await sendSecurity(deps, ctx, person, { endOthers, passwordError: 'missing' }, 422)
  }
  const checked = await checkCurrent(deps, ctx, person, form.current)
  if (checked !== 'right') {
    const status = checked === 'wrong' ? 422 : 429
    return await sendSecurity(deps, ctx, person, { endOthers, passwordError: checked }, status)
  }
  const chosen = await choosePassword(
    { ...deps, policy: deps.passwordPolicy, endProofs },
    {
      accountId: person.accountId,
      password: form.password,
      context: [deps.brandName],
      by: 'owner',
      ...(endOthers
        ? { endAccess: (tx, id) => deps.sessions.endAccess(tx, id, person.sessionUid) }
        : {}),
    },
  )
  if (chosen.kind === 'refused') {
    return await sendSecurity(deps, ctx, person, { endOthers, password: chosen }, 422)
  }
  await deps.limits.forget(person.accountId)
  // What the old password began goes on under a name that nobody has seen yet.
  await deps.rotateSession(ctx)
  await sendSecurity(deps, ctx, person, { done: 'password' })
}

/** Counted like a sign-in, so that a stolen session is no place to guess the password. */
async function checkCurrent(
  deps: AccountDeps,
  ctx: Context,
  { accountId }: Person,
  current: string,
): Promise<'right' | 'wrong' | 'too_many'> {
  const stored = await findPassword(deps.db, accountId)
  // Somebody who never had one proves it by the fresh sign-in alone.
  if (!stored) return 'right'
  const { ip } = originOf(ctx)
  const reservation = {
    accountKey: accountId,
    deviceTrusted: true,
    ...(ip === undefined ? {} : { ip }),
  }
  if (!(await deps.limits.reserve(reservation)).allowed) return 'too_many'
  try {
    const { ok } = await deps.passwords.verify(stored.phc, current)
    if (ok) await deps.limits.refund(reservation)
    return ok ? 'right' : 'wrong'
  } catch (error) {
    // Nobody looked at it: the server was busy.
    await deps.limits.release?.(reservation)
    throw error
  }
}
