import type { ConnectorKind } from './connector.ts'
import type { SOCIAL_KINDS } from './social/social_kinds.ts'

/**
 * Every kind of source that this server speaks to, by the name that a connection's file gives. Each is
 * loaded when a connection of it is there: a deployment without directories carries no LDAP.
 */
export type Kinds = ReadonlyMap<string, () => Promise<ConnectorKind>>

const SOCIAL = [
  'google',
  'microsoft',
  'apple',
  'github',
  'gitlab',
  'facebook',
  'linkedin',
  'discord',
  'slack',
  'x',
] as const satisfies readonly (keyof typeof SOCIAL_KINDS)[]

export const KINDS: Kinds = new Map<string, () => Promise<ConnectorKind>>([
  ['ldap', async () => (await import('./ldap/ldap_kind.ts')).ldapKind as ConnectorKind],
  ['saml', async () => (await import('./saml/saml_kind.ts')).samlKind as ConnectorKind],
  ['oidc', async () => (await import('./oidc/oidc_kind.ts')).oidcKind as ConnectorKind],
  ...SOCIAL.map((name) => [name, async () => await loadSocial(name)] as const),
])

async function loadSocial(name: keyof typeof SOCIAL_KINDS): Promise<ConnectorKind> {
  return (await import('./social/social_kinds.ts')).SOCIAL_KINDS[name] as ConnectorKind
}
