import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { subscribe, unsubscribe } from '../../domain/messaging/push/push_subscription.ts'
import {
  listPushDevices,
  type PushDevice,
} from '../../domain/messaging/push/push_subscription_store.ts'
import { deviceNameOf } from '../../domain/sessions/device_name.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { mayTry } from './code_limits.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person } from './person.ts'

/**
 * Browsers that notices are pushed to, the one that asks among them. They say nothing that its owner
 * does not see there anyway, so turning them on takes no fresh sign-in.
 */
type Locals = Views['account/notifications']
type State = Pick<Locals, 'done' | 'error'>

const onForm = z.object({ csrf: z.string().max(200), subscription: z.string().max(4_000) })
const offForm = z.object({ csrf: z.string().max(200), device: z.string().max(64) })

export async function showNotifications(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  await send(deps, ctx, person)
}

export async function turnNotificationsOn(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, subscription: json } = parseForm(onForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  // Each is a line in the trail.
  if (!(await mayTry(deps, ctx, 'code_ip'))) {
    return await send(deps, ctx, person, { error: 'too_many' }, 429)
  }
  const { accountId, sessionUid } = person
  const uidHash = deps.uidHash(sessionUid)
  const pushServices = deps.push!.services
  const input = { accountId, uidHash, json, origin: originOf(ctx) }
  const result = await subscribe({ ...deps, pushServices }, input)
  if (result.kind === 'subscribed') return await send(deps, ctx, person, { done: 'on' })
  const error = result.reason === 'other_service' ? 'other_service' : 'not_taken'
  await send(deps, ctx, person, { error }, 422)
}

export async function turnNotificationsOff(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, device: id } = parseForm(offForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const { accountId } = person
  const done = await unsubscribe(deps, { accountId, id, origin: originOf(ctx) })
  await send(deps, ctx, person, done ? { done: 'off' } : {})
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  state: State = {},
  status = 200,
): Promise<void> {
  const { accountId, sessionUid } = person
  const here = deps.uidHash(sessionUid)
  const devices = await listPushDevices(deps.db, { accountId, now: deps.clock.now() })
  const shown = devices.map((device) => shownOf(device, here))
  const locals: Locals = {
    page: 'overview',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: '/account/notifications',
    vapidKey: shown.some(({ current }) => current) ? undefined : deps.push!.publicKey(),
    // This one first: it is the one that people know.
    devices: shown.sort((a, b) => Number(b.current) - Number(a.current)),
    ...state,
  }
  allowOwnScripts(ctx.res)
  deps.pages.send(ctx, 'account/notifications', locals, status)
}

function shownOf({ id, userAgent, uidHash, createdAt }: PushDevice, here: Buffer) {
  const current = uidHash.equals(here)
  return { id, ...deviceNameOf(userAgent), current, since: createdAt.toISOString() }
}
