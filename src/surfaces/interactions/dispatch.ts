import type { Context } from 'koa'
import { unreachable } from '../../core/errors.ts'
import { finish, InteractionLost, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'
import { rememberRequest } from './remembered_request.ts'

/** Sends the browser to the step that is due, or back to the engine when none is. */
export async function dispatch(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  rememberRequest(deps, ctx, interaction)
  const { step } = interaction.next
  switch (step) {
    case 'login':
    case 'consent':
    case 'select_account':
      return seeOther(ctx, `/interaction/${interaction.uid}/${step}`)
    case 'restart':
      throw new InteractionLost(interaction.uid)
    case 'finish':
      return seeOther(ctx, await finish(deps, interaction))
    default:
      unreachable(step)
  }
}

export function seeOther(ctx: Context, uri: string): void {
  ctx.status = 303
  ctx.redirect(uri)
}

/**
 * The answer to a form that was accepted. It is a page and not a redirect: Chromium holds a form's
 * `form-action` against every hop of the redirects that follow it, also those at the client.
 */
export function goOn(deps: InteractionDeps, ctx: Context, uri: string): void {
  deps.pages.send(ctx, 'interactions/continue', { uri })
}
