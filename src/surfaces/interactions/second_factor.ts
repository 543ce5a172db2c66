import type { Context } from 'koa'
import { z } from 'zod'
import { unreachable } from '../../core/errors.ts'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { maskedPhone } from '../../domain/accounts/identifier.ts'
import { needsHardware } from '../../domain/authentication/second_factor.ts'
import {
  secondFactorUse,
  signInWithSecondFactor,
  smsFactorUse,
} from '../../domain/authentication/sign_in_with_second_factor.ts'
import { sendSmsFactorCode } from '../../domain/authentication/sms_factor.ts'
import type { AssertionUse } from '../../domain/credentials/webauthn/verify_webauthn.ts'
import { CREDENTIAL_JSON_MAX } from '../../domain/credentials/webauthn/webauthn.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { askForPasskey } from './ask_passkey.ts'
import { mayAskForCode } from './code_limits.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'
import { trustThisBrowser } from './trusted_device_cookie.ts'

/** The second factor: a code of an authenticator, or one of those on paper. */

const smsForm = z.object({ csrf: z.string().max(200) })

const secondFactorForm = z.object({
  csrf: z.string().max(200),
  method: z.enum(['webauthn', 'totp', 'recovery_code', 'sms']),
  code: z.string().max(100).default(''),
  credential: z.string().max(CREDENTIAL_JSON_MAX).default(''),
  trust: z.enum(['yes']).optional(),
})

type SecondFactorLocals = Views['interactions/second_factor']
type Filled = Pick<SecondFactorLocals, 'method' | 'trust' | 'error'> & { smsSent?: boolean }

export async function showSecondFactor(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, next } = interaction
  if (next.step !== 'second_factor') return seeOther(ctx, `/interaction/${uid}`)
  const asked = next.kinds.find((method) => method === ctx.query['method'])
  await send(deps, ctx, interaction, { method: asked ?? next.kinds[0]! })
}

export async function submitSecondFactor(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(secondFactorForm, await readForm(ctx))
  const { uid, client, proven, next } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  if (next.step !== 'second_factor' || !proven || !next.kinds.includes(form.method)) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  const filled = {
    method: form.method,
    trust: form.trust === 'yes',
    smsSent: form.method === 'sms',
  }
  const isKey = form.method === 'webauthn'
  const code = isKey ? form.credential : form.code
  if (code.trim() === '') {
    return await send(
      deps,
      ctx,
      interaction,
      { ...filled, error: isKey ? 'wrong_key' : 'missing_code' },
      422,
    )
  }
  const result = await signInWithSecondFactor(deps, {
    interactionUid: uid,
    clientId: client.clientId,
    base: proven,
    kind: form.method,
    code,
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'accepted':
      if (filled.trust && deps.trustedDeviceDays > 0) {
        await trustThisBrowser(deps, ctx, proven.accountId)
      }
      return goOn(deps, ctx, interaction, `/interaction/${uid}`)
    case 'refused':
      deps.onSignIn?.('failed')
      return await send(
        deps,
        ctx,
        interaction,
        { ...filled, error: isKey ? 'wrong_key' : 'wrong_code' },
        422,
      )
    case 'throttled':
      deps.onSignIn?.('throttled')
      return await send(deps, ctx, interaction, { ...filled, error: 'too_many_codes' }, 429)
    case 'start_over':
      deps.onSignIn?.('failed')
      return goOn(deps, ctx, interaction, `/interaction/${uid}`)
    default:
      unreachable(result)
  }
}

/** A code to the number of whoever has proven another factor; asked for by a button, never by a link. */
export async function sendSmsCode(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf } = parseForm(smsForm, await readForm(ctx))
  const { uid, proven, next } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  const account = proven && (await findAccountById(deps.db, proven.accountId))
  if (next.step !== 'second_factor' || !next.kinds.includes('sms') || !account?.phone) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  if (!(await mayAskForCode(deps, ctx))) {
    const filled = { method: 'sms', error: 'too_many_codes' } as const
    return await send(deps, ctx, interaction, filled, 429)
  }
  await sendSmsFactorCode(deps, {
    account: { ...account, phone: account.phone },
    boundTo: smsFactorUse(uid, account.id),
    locale: deps.pages.localeOf(ctx),
    origin: originOf(ctx),
  })
  await send(deps, ctx, interaction, { method: 'sms', smsSent: true })
}

/** Where nothing less will do, the other keys of the account are not asked for. */
function useOf({ uid, factors }: Interaction, accountId: string): AssertionUse {
  const inHardware = needsHardware(factors) && factors?.hardwarePasskey === true
  return secondFactorUse(uid, accountId, inHardware)
}

async function send(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { smsSent = false, ...filled }: Filled,
  status = 200,
): Promise<void> {
  const { uid, client, next, proven } = interaction
  const kinds = next.step === 'second_factor' ? next.kinds : []
  const path = `/interaction/${uid}`
  const locals: SecondFactorLocals = {
    client: clientViewOf(client),
    action: `${path}/second_factor`,
    cancelAction: `${path}/cancel`,
    signInUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
    trustDays: deps.trustedDeviceDays,
    sms: filled.method === 'sms' ? await smsOf(deps, interaction, smsSent) : undefined,
    options:
      filled.method === 'webauthn' && proven
        ? await askForPasskey(deps, ctx, useOf(interaction, proven.accountId))
        : undefined,
    others: kinds
      .filter((kind) => kind !== filled.method)
      .map((method) => ({
        method,
        uri: `${path}/second_factor?method=${method}`,
      })),
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/second_factor', locals, status)
}

async function smsOf(
  deps: InteractionDeps,
  interaction: Interaction,
  sent: boolean,
): Promise<SecondFactorLocals['sms']> {
  const { uid, proven } = interaction
  const account = proven && (await findAccountById(deps.db, proven.accountId))
  return {
    action: `/interaction/${uid}/second_factor/sms`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    phone: maskedPhone(account?.phone ?? ''),
    sent,
  }
}

/** The page is about whoever has proven the first factor: somebody else's is another page. */
function bindingsOf({ uid, proven }: Interaction): string[] {
  return [uid, 'factor', proven?.accountId ?? '']
}
