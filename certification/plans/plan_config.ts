import { PATHS } from '../../src/surfaces/oidc/paths.ts'
import type { SeededClient } from '../seeding/seed_clients.ts'
import { MODULE_SCRIPTS, SCRIPTS, type ScriptName } from '../tables/scripts.ts'
import type { BrowserEntry, Places } from './browser.ts'
import type { Planned } from './planned.ts'

/** What the suite is told about us for one plan: its JSON configuration. */

export type PlanConfig = Record<string, unknown> & {
  alias: string
  browser: BrowserEntry[]
  override: Record<string, { browser: BrowserEntry[] }>
}

export function planConfig(
  planned: Planned,
  clients: readonly SeededClient[],
  at: Places,
): PlanConfig {
  return {
    description: `AuthCore, ${planned.definition.title}`,
    alias: planned.alias,
    server: {
      discoveryUrl: `${at.op}/.well-known/openid-configuration`,
      login_hint: at.login,
    },
    ...Object.assign({}, ...clients.map(memberOf)),
    ...(clients.some(({ row }) => row.kind === 'fapi2')
      ? { resource: { resourceUrl: at.op + PATHS.userinfo } }
      : {}),
    options: { browsercontrol_css_enable: false },
    browser: SCRIPTS.usual(at),
    override: overrides(at),
  }
}

/** The client itself, and with a certificate the member `mtls` or `mtls2` besides. */
function memberOf({ row, clientId, credentials, scope }: SeededClient): Record<string, unknown> {
  const { secret, jwks, certificate } = credentials
  const client = {
    client_id: clientId,
    scope,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(jwks === undefined ? {} : { jwks }),
    ...(row.metadata['dpop_bound_access_tokens'] ? { dpop_signing_alg: 'ES256' } : {}),
  }
  const mtls = row.member === 'client2' ? 'mtls2' : 'mtls'
  return {
    [row.member]: client,
    ...(certificate === undefined ? {} : { [mtls]: certificate }),
  }
}

function overrides(at: Places): PlanConfig['override'] {
  return Object.fromEntries(
    Object.entries(MODULE_SCRIPTS).map(([module, script]) => [
      module,
      { browser: browserOf(script, at) },
    ]),
  )
}

function browserOf(script: ScriptName, at: Places): BrowserEntry[] {
  return SCRIPTS[script](at)
}
