import type { Context } from 'koa'
import type { RefusalReason } from '../../domain/authentication/sign_in_with_connection.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import { isRedirect, titleOf } from '../../domain/federation/connections.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { connectionUri } from './connection_ways.ts'
import { csrfKey } from './form_token.ts'
import type { Interaction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

const STATUS_OF: Readonly<Record<RefusalReason, number>> = {
  denied: 403,
  invalid: 400,
  too_weak: 403,
  not_permitted: 403,
  account_disabled: 403,
  unavailable: 503,
}

/** What went wrong at a source, in plain words, and what can be done instead: never the end. */
export function sendFailed(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { reason, connection }: { reason: RefusalReason; connection?: Connection | undefined },
): void {
  const path = `/interaction/${interaction.uid}`
  const again = connection && isRedirect(deps.connections, connection)
  const locals = {
    client: clientViewOf(interaction.client),
    reason,
    source: connection ? titleOf(deps.connections, connection) : undefined,
    againUri: again ? connectionUri(interaction, connection) : undefined,
    otherUri: `${path}/login`,
    cancelAction: `${path}/cancel`,
    csrf: issueCsrf(csrfKey(deps), [interaction.uid]),
  }
  deps.pages.send(ctx, 'interactions/connection_failed', locals, STATUS_OF[reason])
}
