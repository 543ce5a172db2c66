/**
 * The account that signs in: every standard claim of OpenID Connect Core §5.1, because the suite
 * warns of each that is missing. `updated_at` is the server's.
 */
export const ACCOUNT = {
  email: 'certification@example.com',
  username: 'certification',
  name: 'Ada Certification',
  claims: {
    given_name: 'Ada',
    family_name: 'Certification',
    middle_name: 'Byron',
    nickname: 'Ada',
    profile: 'https://example.com/ada',
    picture: 'https://example.com/ada.png',
    website: 'https://example.com',
    gender: 'female',
    birthdate: '1990-12-10',
    zoneinfo: 'Europe/London',
    locale: 'en-GB',
    phone_number: '+441234567890',
    phone_number_verified: 'true',
    'address.formatted': '12 St James Square, London SW1Y 4JH, United Kingdom',
    'address.street_address': '12 St James Square',
    'address.locality': 'London',
    'address.region': 'England',
    'address.postal_code': 'SW1Y 4JH',
    'address.country': 'United Kingdom',
  },
} as const
