import type { Context } from 'koa'
import { z } from 'zod'
import { acceptableInvitation } from '../../domain/accounts/invitation.ts'
import { checkCsrf, issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { assertMayTryCode } from './code_limits.ts'
import { seeOther } from './dispatch.ts'
import { csrfKey } from './form_token.ts'
import { keepInvitation } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Where the link of an invitation leads. Opening it changes nothing and asks nothing, because mail
 * scanners open everything; the button keeps the invitation in this browser and goes on to an
 * application, whose sign-in begins with the sign-up then. It is used up when the account is made.
 */

const linkForm = z.object({
  csrf: z.string().max(200),
  link: z.string().max(100),
})

export async function openInvitationLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  const link = String(ctx.query['link'] ?? '').slice(0, 100)
  deps.pages.send(ctx, 'interactions/invitation', localsOf(deps, link))
}

export async function submitInvitation(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { csrf, link } = parseForm(linkForm, await readForm(ctx))
  checkCsrf(csrfKey(deps), ['invitation', link], csrf)
  await assertMayTryCode(deps, ctx)
  const invitation = await acceptableInvitation(deps, link, originOf(ctx))
  if (!invitation) return sendInvitationOver(deps, ctx)
  keepInvitation(ctx, link)
  const { clientId } = invitation
  const uri = clientId ? `/launch/${encodeURIComponent(clientId)}` : deps.newcomerUri
  // A page, because the application may be on another site: `form-action` holds for redirects, too.
  if (clientId) deps.pages.send(ctx, 'interactions/continue', { uri })
  else seeOther(ctx, uri)
}

/** One page for what was used, revoked, is over or never was: it says what to do, not which. */
export function sendInvitationOver(deps: InteractionDeps, ctx: Context): void {
  deps.pages.send(ctx, 'interactions/invitation', { ...localsOf(deps, ''), over: true }, 422)
}

function localsOf(deps: InteractionDeps, link: string) {
  const csrf = issueCsrf(csrfKey(deps), ['invitation', link])
  return { action: '/invitation', csrf, link }
}
