import type { Context } from 'koa'
import { z } from 'zod'
import type { Account } from '../../domain/accounts/account.ts'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import {
  enrolTotpWithinSignIn,
  enrolWebAuthnWithinSignIn,
} from '../../domain/authentication/enrol_within_sign_in.ts'
import { postponeFactor } from '../../domain/authentication/offer_factor.ts'
import type { Proven } from '../../domain/authentication/record_proof.ts'
import { type EnrollableFactor, needsHardware } from '../../domain/authentication/second_factor.ts'
import { ensureRecoveryCodes } from '../../domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { showTotpEnrolment } from '../../domain/credentials/totp/enrol_totp.ts'
import { enrolmentOptions } from '../../domain/credentials/webauthn/enrol_webauthn.ts'
import { CREDENTIAL_JSON_MAX } from '../../domain/credentials/webauthn/webauthn.ts'
import { systemNameOf } from '../../domain/sessions/device_name.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { qrCodeOf } from '../../web/qr_code.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Setting up an authenticator or a passkey where a second factor is asked for and the person has none
 * that would do.
 */

const enrolmentForm = z.object({
  csrf: z.string().max(200),
  method: z.enum(['totp', 'webauthn']).default('totp'),
  code: z.string().max(20).default(''),
  credential: z.string().max(CREDENTIAL_JSON_MAX).default(''),
  name: z.string().max(200).default(''),
})

const postponementForm = enrolmentForm.pick({ csrf: true })

export async function showEnrolment(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, next } = interaction
  if (next.step !== 'enrol_factor') return seeOther(ctx, `/interaction/${uid}`)
  const asked = next.kinds.find((kind) => kind === ctx.query['method']) ?? next.kinds[0]
  if (asked === 'webauthn') await sendPasskey(deps, ctx, interaction)
  else await sendTotp(deps, ctx, interaction)
}

export async function confirmEnrolment(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(enrolmentForm, await readForm(ctx))
  const { uid, client, proven, next } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  if (next.step !== 'enrol_factor' || !proven || !next.kinds.includes(form.method)) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  const { code, credential: response, name, method } = form
  const clientId = client.clientId
  const input = { interactionUid: uid, clientId, base: proven, origin: originOf(ctx) }
  const { relyingParty } = deps
  if (method === 'webauthn' && relyingParty) {
    const inHardware = needsHardware(interaction.factors)
    const made = { ...input, context: contextOf(uid, proven), response, name, inHardware }
    const result = await enrolWebAuthnWithinSignIn({ ...deps, relyingParty }, made)
    if (result.kind === 'refused') {
      return await sendPasskey(deps, ctx, interaction, { error: result.reason, name }, 422)
    }
  } else {
    const result = await enrolTotpWithinSignIn(deps, { ...input, code })
    if (result.kind === 'refused') {
      const error = code.trim() === '' ? 'missing_code' : result.reason
      return await sendTotp(deps, ctx, interaction, error, 422)
    }
  }
  await showRecoveryCodes(deps, ctx, interaction, proven.accountId)
}

/** "Not now": only where it is an offer. */
export async function postponeEnrolment(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf } = parseForm(postponementForm, await readForm(ctx))
  const { uid, proven } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  if (proven && isOffer(interaction)) {
    await postponeFactor(deps, { accountId: proven.accountId, origin: originOf(ctx) })
  }
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

function isOffer({ next }: Interaction): boolean {
  return next.step === 'enrol_factor' && next.optional === true
}

/** Once, and only where there are none that could still be used. */
async function showRecoveryCodes(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  accountId: string,
): Promise<void> {
  const continueUri = `/interaction/${interaction.uid}`
  const codes = await ensureRecoveryCodes(deps, accountId, originOf(ctx))
  if (!codes) return goOn(deps, ctx, interaction, continueUri)
  const client = clientViewOf(interaction.client)
  deps.pages.send(ctx, 'interactions/recovery_codes', { client, codes, continueUri })
}

async function sendTotp(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  error?: Views['interactions/enrol_totp']['error'],
  status = 200,
): Promise<void> {
  const account = await whoEnrols(deps, interaction)
  const { uri, key } = await showTotpEnrolment(deps, account, deps.brandName)
  const locals: Views['interactions/enrol_totp'] = {
    ...commonOf(deps, interaction),
    passkeyUri: uriOf(interaction, 'webauthn'),
    qrCode: qrCodeOf(uri),
    secret: key,
    error,
  }
  deps.pages.send(ctx, 'interactions/enrol_totp', locals, status)
}

type Filled = Partial<Pick<Views['interactions/enrol_passkey'], 'error' | 'name'>>

async function sendPasskey(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { error, name }: Filled = {},
  status = 200,
): Promise<void> {
  const { uid, proven } = interaction
  const account = await whoEnrols(deps, interaction)
  const { relyingParty, brandName } = deps
  if (!relyingParty || !proven) throw new InteractionLost(uid)
  const inHardware = needsHardware(interaction.factors)
  const asked = { account, context: contextOf(uid, proven), name: brandName, inHardware }
  const options = await enrolmentOptions({ ...deps, relyingParty }, asked)
  allowOwnScripts(ctx.res)
  const locals: Views['interactions/enrol_passkey'] = {
    ...commonOf(deps, interaction),
    totpUri: uriOf(interaction, 'totp'),
    options: JSON.stringify(options),
    // Left empty, it is called what its maker calls it.
    name: name ?? (deps.passkeyAttestation ? '' : systemNameOf(originOf(ctx).userAgent)),
    error,
  }
  deps.pages.send(ctx, 'interactions/enrol_passkey', locals, status)
}

async function whoEnrols(deps: InteractionDeps, { uid, proven }: Interaction): Promise<Account> {
  const account = proven && (await findAccountById(deps.db, proven.accountId))
  if (!account) throw new InteractionLost(uid)
  return account
}

function commonOf(deps: InteractionDeps, interaction: Interaction) {
  const { uid, client } = interaction
  const path = `/interaction/${uid}`
  return {
    client: clientViewOf(client),
    action: `${path}/enrol_factor`,
    postponeAction: isOffer(interaction) ? `${path}/enrol_factor/postpone` : undefined,
    cancelAction: `${path}/cancel`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
  }
}

/** The page of the other kind, where it would do as well. */
function uriOf({ uid, next }: Interaction, kind: EnrollableFactor): string | undefined {
  if (next.step !== 'enrol_factor' || !next.kinds.includes(kind)) return undefined
  return `/interaction/${uid}/enrol_factor?method=${kind}`
}

/** What the new key is made for: this sign-in, by whoever has proven something in it. */
function contextOf(uid: string, { accountId }: Proven): string[] {
  return [uid, accountId]
}

function bindingsOf({ uid, proven }: Interaction): string[] {
  return [uid, 'enrol', proven?.accountId ?? '']
}
