import type { Context } from 'koa'
import { z } from 'zod'
import { isId } from '../../core/ids.ts'
import { shortened } from '../../core/text.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { ensureRecoveryCodes } from '../../domain/credentials/recovery_codes/generate_recovery_codes.ts'
import {
  enrolmentOptions,
  enrolWebAuthn,
} from '../../domain/credentials/webauthn/enrol_webauthn.ts'
import { removeWebAuthn } from '../../domain/credentials/webauthn/remove_webauthn.ts'
import {
  CREDENTIAL_JSON_MAX,
  NAME_MAX,
  type RelyingParty,
} from '../../domain/credentials/webauthn/webauthn.ts'
import { renameWebAuthnCredential } from '../../domain/credentials/webauthn/webauthn_store.ts'
import { systemNameOf } from '../../domain/sessions/device_name.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'
import { sendSecurity } from './security.ts'

/** One more passkey or security key, one fewer, or one by another name. */

const csrf = z.string().max(200)
const name = z.string().max(200).default('')
const addForm = z.object({
  csrf,
  name,
  credential: z.string().max(CREDENTIAL_JSON_MAX).default(''),
})
const renameForm = z.object({ csrf, name, passkey: z.string().max(64) })
const removeForm = z.object({ csrf, passkey: z.string().max(64) })

export async function showPasskey(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  if (!deps.relyingParty) return sendTo(deps, ctx, '/account/security')
  if (!(await requireFresh(deps, ctx, person, 'security/passkey'))) return
  await send(deps, ctx, person, deps.relyingParty)
}

export async function addPasskey(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const form = parseForm(addForm, await readForm(ctx))
  checkCsrfOf(deps, person, form.csrf)
  const { relyingParty } = deps
  if (!relyingParty) return sendTo(deps, ctx, '/account/security')
  if (!(await requireFresh(deps, ctx, person, 'security/passkey'))) return
  const { accountId } = person
  const origin = originOf(ctx)
  const result = await enrolWebAuthn(
    { ...deps, relyingParty },
    { accountId, context: contextOf(person), response: form.credential, name: form.name, origin },
  )
  if (result.kind === 'refused') {
    const filled = { error: result.reason, name: form.name }
    return await send(deps, ctx, person, relyingParty, filled, 422)
  }
  const codes = await ensureRecoveryCodes(deps, accountId, origin)
  if (!codes) return await sendSecurity(deps, ctx, person, { done: 'passkey' })
  deps.pages.send(ctx, 'interactions/recovery_codes', { codes, continueUri: '/account/security' })
}

export async function renamePasskey(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const form = parseForm(renameForm, await readForm(ctx))
  checkCsrfOf(deps, person, form.csrf)
  const { accountId } = person
  const named = { accountId, id: form.passkey, name: shortened(form.name, NAME_MAX) }
  const done = isId(named.id) && (await renameWebAuthnCredential(deps.db, named))
  if (!done) return sendTo(deps, ctx, '/account/security')
  await sendSecurity(deps, ctx, person, { done: 'passkey_renamed' })
}

export async function removePasskey(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf: token, passkey: id } = parseForm(removeForm, await readForm(ctx))
  checkCsrfOf(deps, person, token)
  if (!(await requireFresh(deps, ctx, person, 'security'))) return
  const { accountId } = person
  const gone = { accountId, id, by: 'owner', origin: originOf(ctx) }
  const result = isId(id) ? await removeWebAuthn(deps, gone) : 'unknown'
  if (result === 'unknown') return sendTo(deps, ctx, '/account/security')
  if (result === 'last_way_in') {
    return await sendSecurity(deps, ctx, person, { passkeyError: result }, 422)
  }
  await sendSecurity(deps, ctx, person, { done: 'passkey_removed' })
}

/** What the new key is made for: this very session. */
function contextOf({ sessionUid, accountId }: Person): string[] {
  return [sessionUid, accountId]
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  relyingParty: RelyingParty,
  { error, name: typed }: Partial<Pick<Views['account/passkey'], 'error' | 'name'>> = {},
  status = 200,
): Promise<void> {
  const { account } = person
  const asked = { account, context: contextOf(person), name: deps.brandName }
  const options = await enrolmentOptions({ ...deps, relyingParty }, asked)
  allowOwnScripts(ctx.res)
  const locals: Views['account/passkey'] = {
    page: 'security',
    account: accountViewOf(account),
    csrf: csrfOf(deps, person),
    action: '/account/security/passkey',
    options: JSON.stringify(options),
    // Left empty, it is called what its maker calls it.
    name: typed ?? (deps.passkeyAttestation ? '' : systemNameOf(originOf(ctx).userAgent)),
    error,
  }
  deps.pages.send(ctx, 'account/passkey', locals, status)
}
