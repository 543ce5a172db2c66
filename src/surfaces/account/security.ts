import type { Context } from 'koa'
import { z } from 'zod'
import type { Account } from '../../domain/accounts/account.ts'
import { getAccountById } from '../../domain/accounts/account_store.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { findPasswordKeeper } from '../../domain/authentication/kept_password.ts'
import { findPassword } from '../../domain/credentials/password/password_store.ts'
import { generateRecoveryCodes } from '../../domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { findRecoveryCodeSet } from '../../domain/credentials/recovery_codes/recovery_code_store.ts'
import { listConfirmedTotps } from '../../domain/credentials/totp/totp_store.ts'
import {
  passkeySortOf,
  type WebAuthnCredential,
} from '../../domain/credentials/webauthn/webauthn.ts'
import { listWebAuthnCredentials } from '../../domain/credentials/webauthn/webauthn_store.ts'
import { titleOf } from '../../domain/federation/connections.ts'
import { deviceNameOf } from '../../domain/sessions/device_name.ts'
import {
  deleteTrustedDevice,
  deleteTrustedDevicesOfAccount,
  listTrustedDevices,
} from '../../domain/sessions/trusted_device_store.ts'
import { accountAccessEnded, deviceDistrusted } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import type { PasskeyRow, Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { connectionsUriFor } from './connections.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'

/** How one signs in: password, authenticators, codes on paper, trusted browsers. */

type SecurityLocals = Views['account/security']
export type SecurityState = Partial<
  Pick<SecurityLocals, 'endOthers' | 'password' | 'passwordError' | 'passkeyError' | 'done'>
>

const csrfForm = z.object({ csrf: z.string().max(200) })
const deviceForm = z.object({ csrf: z.string().max(200), device: z.string().max(64) })

export async function showSecurity(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  await sendSecurity(deps, ctx, person)
}

export async function sendSecurity(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  state: SecurityState = {},
  status = 200,
): Promise<void> {
  const { db, clock } = deps
  const { accountId } = person
  const [account, password, keys, totps, codes, devices, connectionsUri, keeper] =
    await Promise.all([
      getAccountById(db, accountId),
      findPassword(db, accountId),
      listWebAuthnCredentials(db, accountId),
      listConfirmedTotps(db, accountId),
      findRecoveryCodeSet(db, accountId),
      listTrustedDevices(db, { accountId, now: clock.now() }),
      connectionsUriFor(deps, person),
      findPasswordKeeper(deps, accountId),
    ])
  const locals: SecurityLocals = {
    page: 'security',
    account: accountViewOf(account),
    csrf: csrfOf(deps, person),
    minLength: deps.passwordPolicy.minLength,
    passwordChangedAt: password?.changedAt.toISOString(),
    authenticators: totps.map(({ id, name, createdAt, lastUsedAt }) => ({
      id,
      name,
      addedAt: createdAt.toISOString(),
      usedAt: lastUsedAt?.toISOString(),
    })),
    connectionsUri,
    passwordKeeper: keeper && titleOf(deps.connections, keeper),
    passkeys: deps.relyingParty && keys.map(passkeyRowOf),
    sms: smsOf(deps, account, keys.length + totps.length > 0),
    recoveryCodesLeft: codes?.unused ?? 0,
    devices: devices.map(({ id, userAgent, createdAt }) => ({
      id,
      ...deviceNameOf(userAgent),
      since: createdAt.toISOString(),
    })),
    ...state,
    endOthers: state.endOthers ?? true,
  }
  allowOwnScripts(ctx.res)
  deps.pages.send(ctx, 'account/security', locals, status)
}

/** Shown where it can be turned on, and to whoever has it on. */
function smsOf(
  { smsFactor, sendsSms }: AccountDeps,
  { phone, phoneVerified, phoneFactorSince }: Account,
  hasOthers: boolean,
): SecurityLocals['sms'] {
  const on = phoneFactorSince !== undefined
  if (!on && (smsFactor === 'off' || !sendsSms)) return undefined
  return {
    phone: phoneVerified ? phone : undefined,
    on,
    wantsAnother: smsFactor === 'beside_others' && !hasOthers,
  }
}

function passkeyRowOf(key: WebAuthnCredential): PasskeyRow {
  const { id, name, createdAt, lastUsedAt } = key
  return {
    id,
    name,
    sort: passkeySortOf(key),
    addedAt: createdAt.toISOString(),
    usedAt: lastUsedAt?.toISOString(),
  }
}

/** Ten new ones; those before are worth nothing any more. */
export async function makeRecoveryCodes(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf } = parseForm(csrfForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'security'))) return
  const codes = await generateRecoveryCodes(deps, person.accountId, originOf(ctx))
  deps.pages.send(ctx, 'interactions/recovery_codes', { codes, continueUri: '/account/security' })
}

export async function distrustDevice(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, device: id } = parseForm(deviceForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const { accountId } = person
  await inTransaction(deps.db, async (tx) => {
    if (!(await deleteTrustedDevice(tx, { accountId, id }))) return
    const fact = { accountId, deviceId: id, by: 'owner', ...originOf(ctx) }
    await appendEvent(tx, deviceDistrusted(fact))
  })
  await sendSecurity(deps, ctx, person, { done: 'device' })
}

/** Every session and token of the account, this browser's too; and no browser is trusted any more. */
export async function signOutEverywhere(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf } = parseForm(csrfForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const { accountId } = person
  await inTransaction(deps.db, async (tx) => {
    await deps.sessions.endAccess(tx, accountId)
    await deleteTrustedDevicesOfAccount(tx, accountId)
    await appendEvent(tx, accountAccessEnded({ accountId, by: 'owner', ...originOf(ctx) }))
  })
  sendTo(deps, ctx, '/')
}
