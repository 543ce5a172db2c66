import type { Context } from 'koa'
import { z } from 'zod'
import { changeAtDirectory } from '../../domain/authentication/sign_in_with_directory.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { keptIdentifier } from './chosen_identifier.ts'
import { assertMayTryCode } from './code_limits.ts'
import { type DirectoryProblem, directoryBindings, sendDirectoryPage } from './directory_barred.ts'
import { seeOther } from './dispatch.ts'
import { checkForm } from './form_token.ts'
import { loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'
import { tryPassword } from './try_password.ts'

/** Another password, which a directory wants before it lets somebody in, given on the page that says so. */

const changeForm = z.object({
  csrf: z.string().max(200),
  source: z.string().max(40),
  current: z.string().max(4096).default(''),
  password: z.string().max(4096).default(''),
  // What the page said, so that it says the same again.
  fault: z.enum(['must_change_password', 'password_expired']).default('must_change_password'),
})

export async function submitDirectoryPassword(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid } = interaction
  const { csrf, source, current, password, fault } = parseForm(changeForm, await readForm(ctx))
  const chosen = keptIdentifier(deps, ctx, uid)
  const connection = await deps.connections.find(source)
  if (!chosen || !connection) return seeOther(ctx, `/interaction/${uid}/login`)
  const { login } = chosen
  checkForm(deps, interaction, directoryBindings(interaction, { source, login }), csrf)
  const again = (error: DirectoryProblem, status: number): void =>
    sendDirectoryPage(
      deps,
      ctx,
      interaction,
      { fault, connection, mayChange: true, login, error },
      status,
    )
  if (current === '' || password === '') return again('missing_password', 422)
  await assertMayTryCode(deps, ctx)
  const change = await changeAtDirectory(deps, { name: source, login, current, next: password })
  if (change.kind === 'unavailable') return again('unavailable', 503)
  if (change.kind === 'refused') return again(change.reason, 422)
  await tryPassword(deps, ctx, interaction, { ...chosen, password }, async () =>
    again('wrong_password', 422),
  )
}
