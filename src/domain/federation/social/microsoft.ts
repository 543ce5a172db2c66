import { z } from 'zod'
import type { Claims } from '../oidc/oidc_profile.ts'
import { oidcPreset } from './oidc_preset.ts'

/** Entra ID, and personal Microsoft accounts. */

const LOGIN = 'https://login.microsoftonline.com'

/** Several tenants answer at these; the issuer is then that of the tenant in the token (`tid`). */
const SHARED_TENANTS = new Set(['common', 'organizations'])

/** Entra ID lets whoever runs a tenant write any address into `email`. `xms_edov` says that the domain is theirs. */
function isOfOwnDomain({ xms_edov: verified }: Claims): boolean {
  return verified === true || verified === 1 || verified === '1' || verified === 'true'
}

export const microsoftKind = oidcPreset({
  title: 'Microsoft',
  // Only by `xms_edov`; what has none is not verified at all.
  trustsEmail: true,
  scopes: ['openid', 'profile', 'email'],
  settings: {
    /** The directory's id, or `common` or `organizations`. */
    tenant: z
      .string()
      .refine((tenant) => SHARED_TENANTS.has(tenant) || z.uuid().safeParse(tenant).success, {
        error: 'must be the id of the directory, common or organizations',
      })
      .default('common'),
  },
  quirks: ({ tenant }) => ({
    issuer: `${LOGIN}/${tenant}/v2.0`,
    publishedIssuer: SHARED_TENANTS.has(tenant)
      ? `${LOGIN}/{tenantid}/v2.0`
      : `${LOGIN}/${tenant}/v2.0`,
    emailVerified: isOfOwnDomain,
  }),
})
