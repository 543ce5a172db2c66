import { type FapiVariant, fapiModules } from './fapi/modules.ts'
import { type ChecklistRow, type OidcPlan, oidcModules } from './modules.ts'

/** Every plan that certifies a server, the file that asks it, and what it asks. */

export type Plan = { plan: string; file: string; rows: ChecklistRow[] }

const OIDC_FILES: Readonly<Record<OidcPlan, string>> = {
  'oidcc-basic': 'basic',
  'oidcc-config': 'config',
  'oidcc-implicit': 'implicit',
  'oidcc-hybrid': 'hybrid',
  'oidcc-dynamic': 'dynamic',
  'oidcc-formpost-basic': 'form_post_basic',
  'oidcc-formpost-implicit': 'form_post_implicit',
  'oidcc-formpost-hybrid': 'form_post_hybrid',
  'oidcc-3rdparty-init-login': 'third_party_initiated_login',
  'oidcc-rp-initiated-logout': 'rp_initiated_logout',
  'oidcc-frontchannel-rp-initiated-logout': 'frontchannel_logout',
  'oidcc-backchannel-rp-initiated-logout': 'backchannel_logout',
}

/** Of plans with several, the one that is asked most. */
const RESPONSE_TYPES: Partial<Record<OidcPlan, string>> = {
  'oidcc-implicit': 'id_token token',
  'oidcc-formpost-implicit': 'id_token token',
  'oidcc-hybrid': 'code id_token',
  'oidcc-formpost-hybrid': 'code id_token',
}

const OIDC: Plan[] = (Object.entries(OIDC_FILES) as [OidcPlan, string][]).map(([plan, file]) => ({
  plan,
  file,
  rows: oidcModules(plan, RESPONSE_TYPES[plan] ?? 'code'),
}))

const VARIANTS: FapiVariant[] = (['private_key_jwt', 'mtls'] as const).flatMap((auth) =>
  (['dpop', 'mtls'] as const).flatMap((constrain) =>
    (['openid_connect', 'plain_oauth'] as const).map((openid) => ({ auth, constrain, openid })),
  ),
)

export function securityProfileTitle({ auth, constrain, openid }: FapiVariant): string {
  return `fapi2-security-profile-final [${auth}, ${constrain}, ${openid}]`
}

const FAPI: Plan[] = VARIANTS.map((variant) => ({
  plan: securityProfileTitle(variant),
  file: `fapi2_${variant.auth}_${variant.constrain}`,
  rows: fapiModules('SP', variant),
}))

const MESSAGE_SIGNING: Plan = {
  plan: 'fapi2-message-signing-final',
  file: 'fapi2_message_signing',
  rows: fapiModules('MS', { auth: 'private_key_jwt', constrain: 'dpop', openid: 'openid_connect' }),
}

export const ALL_PLANS: readonly Plan[] = [...OIDC, ...FAPI, MESSAGE_SIGNING]
