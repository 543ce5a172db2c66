import type { Context } from 'koa'
import { unreachable } from '../../core/errors.ts'
import { authorizationUri, rememberRequest } from '../../web/remembered_request.ts'
import { isPrivateUseUri } from '../../web/security_headers.ts'
import { chosenConnection, connectionUri, launchedConnection } from './connection_ways.ts'
import { finish, type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import { hasInvitation } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'

/** Sends the browser to the step that is due, or back to the engine when none is. */
export async function dispatch(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  remember(deps, ctx, interaction)
  const { step } = interaction.next
  switch (step) {
    case 'login': {
      const connection =
        (await chosenConnection(deps, interaction)) ??
        (await launchedConnection(deps, ctx, interaction))
      if (connection) return seeOther(ctx, connectionUri(interaction, connection))
      // Somebody who was invited is about to make an account; the page leads to the sign-in, too.
      return seeOther(
        ctx,
        `/interaction/${interaction.uid}/${hasInvitation(ctx) ? 'sign_up' : step}`,
      )
    }
    case 'verify_email':
    case 'verify_phone':
    case 'confirm_sign_in':
    case 'second_factor':
    case 'enrol_factor':
    case 'accept_terms':
    case 'complete_profile':
    case 'consent':
    case 'select_account':
    case 'link_account':
      return seeOther(ctx, `/interaction/${interaction.uid}/${step}`)
    case 'restart':
      throw new InteractionLost(interaction.uid)
    case 'finish':
      return seeOther(ctx, await finish(deps, ctx, interaction))
    default:
      unreachable(step)
  }
}

function remember(
  deps: InteractionDeps,
  ctx: Context,
  { uid, client, details }: Interaction,
): void {
  const resume = new URL(details.returnTo).pathname
  const uri = resume.startsWith('/device/')
    ? '/device'
    : authorizationUri('/authorize', details.params)
  const request = { uid, clientId: client.clientId, uri, exp: details.exp }
  rememberRequest(deps, ctx, request, [`/interaction/${uid}`, resume])
}

export function seeOther(ctx: Context, uri: string): void {
  ctx.status = 303
  ctx.redirect(uri)
}

/**
 * The answer to a form that was accepted. It is a page and not a redirect: Chromium holds a form's
 * `form-action` against every hop of the redirects that follow it, also those at the client. An
 * application with a scheme of its own is reached by redirects, which `loadInteraction` allowed.
 */
export function goOn(
  deps: InteractionDeps,
  ctx: Context,
  { details }: Interaction,
  uri: string,
): void {
  if (isPrivateUseUri(details.params['redirect_uri'])) seeOther(ctx, uri)
  else deps.pages.send(ctx, 'interactions/continue', { uri })
}
