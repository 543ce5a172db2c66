import type { Context } from 'koa'
import type { Connection } from '../../domain/federation/connection.ts'
import { titleOf } from '../../domain/federation/connections.ts'
import type { AccountFault } from '../../domain/federation/connector.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { keepIdentifier } from './chosen_identifier.ts'
import { csrfKey } from './form_token.ts'
import type { Interaction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** Somebody whose directory knows them and keeps them out: each reason has its own words. */

type Barred = { fault: AccountFault; connection: Connection; mayChange: boolean }

export function sendBarred(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { login, remember, ...barred }: Barred & { login: string; remember: boolean },
): void {
  // The next page needs the name again, and it stands in no address.
  keepIdentifier(deps, ctx, interaction.uid, { login, remember })
  sendDirectoryPage(deps, ctx, interaction, { ...barred, login }, 403)
}

export type DirectoryProblem = NonNullable<Views['interactions/directory_password']['error']>

export function sendDirectoryPage(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  {
    fault,
    connection,
    mayChange,
    login,
    error,
  }: Barred & { login: string; error?: DirectoryProblem },
  status: number,
): void {
  const path = `/interaction/${interaction.uid}`
  const source = connection.name
  const locals = {
    client: clientViewOf(interaction.client),
    source: titleOf(deps.connections, connection),
    fault,
    change: mayChange
      ? {
          action: `${path}/directory_password`,
          csrf: issueCsrf(csrfKey(deps), directoryBindings(interaction, { source, login })),
          source,
          login,
        }
      : undefined,
    error,
    otherUri: `${path}/login`,
    cancelAction: `${path}/cancel`,
    csrf: issueCsrf(csrfKey(deps), [interaction.uid]),
  }
  deps.pages.send(ctx, 'interactions/directory_password', locals, status)
}

export function directoryBindings(
  { uid }: Interaction,
  { source, login }: { source: string; login: string },
) {
  return [uid, 'directory_password', source, login]
}
