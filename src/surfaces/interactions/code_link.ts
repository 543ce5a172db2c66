import type { Context } from 'koa'
import { codeInLink, codeToRead } from '../../web/mailed_code.ts'
import { type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Where the link of a mail leads that carries a code: the browser that asked for it goes on with it,
 * any other is shown the code, to be typed where it is wanted. Neither uses it up.
 *
 * @returns undefined where the code was shown
 * @throws InteractionLost
 */
export async function openCodeLink(
  deps: InteractionDeps,
  ctx: Context,
): Promise<{ interaction: Interaction; code: string } | undefined> {
  const code = codeInLink(ctx)
  try {
    return { interaction: await loadInteraction(deps, ctx), code }
  } catch (error) {
    if (!(error instanceof InteractionLost) || code === '') throw error
    deps.pages.send(ctx, 'interactions/verify_elsewhere', { code: codeToRead(code) })
    return undefined
  }
}
