import type { Profile } from '../../domain/accounts/profile/profile.ts'

/** Which claims each scope releases (OpenID Connect Core §5.4). */
export const CLAIMS_BY_SCOPE = {
  openid: ['sub'],
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
  acr: null,
  amr: null,
  auth_time: null,
  iss: null,
  sid: null,
} as const

/** With the claims of the deployment's own, and the scopes it made for them. */
export function claimsByScope({ attributes, scopes }: Profile): Record<string, unknown> {
  const released = (scope: string) =>
    attributes.flatMap(({ claim }) => (claim?.scope === scope ? [claim.name] : []))
  return {
    ...CLAIMS_BY_SCOPE,
    profile: [...CLAIMS_BY_SCOPE.profile, ...released('profile')],
    ...Object.fromEntries(scopes.map(({ name }) => [name, released(name)])),
  }
}
