import { generateKeyPairSync } from 'node:crypto'
import { importSPKI, jwtVerify } from 'jose'
import type { UpstreamPerson } from '../../../../src/domain/federation/connector.ts'
import type { SOCIAL_KINDS } from '../../../../src/domain/federation/social/social_kinds.ts'
import type { ImitatedPerson, ProviderImitation } from '../../../support/imitation_provider.ts'

/**
 * The known providers, as their documents have them: addresses, how they want to be asked, and what
 * they answer about a person. One entry for each kind.
 */

export type SocialCase = {
  provider: ProviderImitation
  settings: Record<string, unknown>
  secrets: Record<string, string>
  /** What the connector has to make of Ada. */
  ada: Partial<UpstreamPerson> & { subject: string }
}

const SECRET = 'its-secret_with.signs~and-more'
const WEB = { clientId: 'client-of-ours', clientSecret: SECRET, authentication: 'post' as const }
const SETTINGS = { client_id: 'client-of-ours' }

const apple = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (
  key: { export(options: { type: 'spki' | 'pkcs8'; format: 'pem' }): unknown },
  type: 'spki' | 'pkcs8',
) => String(key.export({ type, format: 'pem' }))

/** Apple, "Creating a client secret": who, for whom, and signed with the key of the team. */
async function isAppleSecret(form: URLSearchParams): Promise<boolean> {
  const key = await importSPKI(pem(apple.publicKey, 'spki'), 'ES256')
  const { payload, protectedHeader } = await jwtVerify(form.get('client_secret') ?? '', key, {
    issuer: 'TEAM000001',
    subject: 'com.example.web',
    audience: 'https://appleid.apple.com',
    requiredClaims: ['iat', 'exp'],
  })
  const isShort = payload.exp! - payload.iat! < 15_777_000
  return (
    form.get('client_id') === 'com.example.web' && protectedHeader.kid === 'KEY0000001' && isShort
  )
}

const email = (who: ImitatedPerson) => `${who}@example.test`
const first = (who: ImitatedPerson) => (who === 'ada' ? 'Ada' : 'Grace')
const DIRECTORY = 'b96b1b1e-93d6-4b62-9e1a-0f6b7b1d3a11'

export const IMITATIONS: Record<keyof typeof SOCIAL_KINDS, SocialCase> = {
  google: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
      tokenEndpoint: 'https://oauth2.googleapis.com/token',
      openid: {
        issuer: 'https://accounts.google.com',
        metadata: { jwks_uri: 'https://www.googleapis.com/oauth2/v3/certs' },
        idToken: (who) => ({
          azp: 'client-of-ours',
          sub: who === 'ada' ? '110169484474386276334' : '110169484474386276335',
          email: email(who),
          email_verified: true,
          name: `${first(who)} Example`,
          given_name: first(who),
          family_name: 'Example',
          picture: 'https://lh3.googleusercontent.com/a/x',
        }),
      },
    },
    ada: {
      subject: '110169484474386276334',
      email: 'ada@example.test',
      emailVerified: true,
      claims: {
        name: 'Ada Example',
        given_name: 'Ada',
        family_name: 'Example',
        picture: 'https://lh3.googleusercontent.com/a/x',
      },
    },
  },
  microsoft: {
    settings: { ...SETTINGS, tenant: 'organizations' },
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint:
        'https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize',
      tokenEndpoint: 'https://login.microsoftonline.com/organizations/oauth2/v2.0/token',
      besides: () => ({ session_state: 'f1b0a7a2' }),
      openid: {
        issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0',
        discoveryUrl:
          'https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration',
        metadata: {
          jwks_uri: 'https://login.microsoftonline.com/organizations/discovery/v2.0/keys',
        },
        idToken: (who) => ({
          iss: `https://login.microsoftonline.com/${DIRECTORY}/v2.0`,
          tid: DIRECTORY,
          sub: `AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbta-${who}`,
          oid: `00000000-0000-0000-66f3-3332eca7ea8${who === 'ada' ? 1 : 2}`,
          preferred_username: email(who),
          email: email(who),
          name: `${first(who)} Example`,
          ver: '2.0',
        }),
      },
    },
    ada: {
      subject: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbta-ada',
      username: 'ada@example.test',
      email: 'ada@example.test',
      // No xms_edov: whoever runs a directory can write any address.
      emailVerified: false,
      claims: { name: 'Ada Example' },
    },
  },
  apple: {
    settings: { client_id: 'com.example.web', team_id: 'TEAM000001', key_id: 'KEY0000001' },
    secrets: { private_key: pem(apple.privateKey, 'pkcs8') },
    provider: {
      clientId: 'com.example.web',
      authentication: isAppleSecret,
      authorizationEndpoint: 'https://appleid.apple.com/auth/authorize',
      tokenEndpoint: 'https://appleid.apple.com/auth/token',
      besides: (who) => ({
        user: JSON.stringify({
          name: { firstName: first(who), lastName: 'Example' },
          email: 'somebody-else@example.test',
        }),
      }),
      openid: {
        issuer: 'https://appleid.apple.com',
        metadata: { jwks_uri: 'https://appleid.apple.com/auth/keys' },
        idToken: (who) => ({
          sub: who === 'ada' ? '001999.ada.1' : '001999.grace.1',
          email: `${who}@privaterelay.appleid.com`,
          email_verified: 'true',
          is_private_email: 'true',
          nonce_supported: true,
        }),
      },
    },
    ada: {
      subject: '001999.ada.1',
      email: 'ada@privaterelay.appleid.com',
      emailVerified: true,
      claims: { name: 'Ada Example', given_name: 'Ada', family_name: 'Example' },
    },
  },
  github: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint: 'https://github.com/login/oauth/authorize',
      tokenEndpoint: 'https://github.com/login/oauth/access_token',
      tokenResponse: { token_type: 'bearer', scope: 'read:user,user:email' },
      besides: () => ({ iss: 'https://github.com/login/oauth' }),
      wrongCode: { status: 200, body: { error: 'bad_verification_code' } },
      resources: {
        'https://api.github.com/user': (who) => ({
          id: who === 'ada' ? 583231 : 583232,
          login: who,
          name: `${first(who)} Example`,
          email: 'public@elsewhere.test',
          avatar_url: 'https://avatars.githubusercontent.com/u/583231',
          html_url: `https://github.com/${who}`,
          blog: '',
        }),
        'https://api.github.com/user/emails': (who) => [
          { email: 'first@elsewhere.test', primary: false, verified: true, visibility: null },
          { email: email(who), primary: true, verified: true, visibility: 'public' },
        ],
      },
    },
    ada: {
      subject: '583231',
      username: 'ada',
      email: 'ada@example.test',
      emailVerified: true,
      claims: {
        name: 'Ada Example',
        picture: 'https://avatars.githubusercontent.com/u/583231',
        profile: 'https://github.com/ada',
      },
    },
  },
  gitlab: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint: 'https://gitlab.com/oauth/authorize',
      tokenEndpoint: 'https://gitlab.com/oauth/token',
      openid: {
        issuer: 'https://gitlab.com',
        metadata: {
          jwks_uri: 'https://gitlab.com/oauth/discovery/keys',
          userinfo_endpoint: 'https://gitlab.com/oauth/userinfo',
        },
        idToken: (who) => ({ sub: who === 'ada' ? '42' : '43', auth_time: 1_700_000_000 }),
      },
      resources: {
        'https://gitlab.com/oauth/userinfo': (who) => ({
          sub: who === 'ada' ? '42' : '43',
          name: `${first(who)} Example`,
          nickname: who,
          preferred_username: who,
          email: email(who),
          email_verified: true,
          profile: `https://gitlab.com/${who}`,
          groups: ['example', 'example/team'],
        }),
      },
    },
    ada: {
      subject: '42',
      username: 'ada',
      email: 'ada@example.test',
      emailVerified: true,
      groups: ['example', 'example/team'],
      claims: { name: 'Ada Example', nickname: 'ada', profile: 'https://gitlab.com/ada' },
    },
  },
  facebook: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint: 'https://www.facebook.com/v23.0/dialog/oauth',
      tokenEndpoint: 'https://graph.facebook.com/v23.0/oauth/access_token',
      tokenResponse: { token_type: 'bearer', expires_in: 5_183_944 },
      wrongCode: {
        status: 400,
        body: {
          error: {
            message: 'This authorization code has been used.',
            type: 'OAuthException',
            code: 100,
          },
        },
      },
      resources: {
        'https://graph.facebook.com/v23.0/me': (who) => ({
          id: who === 'ada' ? '10158000000000001' : '10158000000000002',
          name: `${first(who)} Example`,
          first_name: first(who),
          last_name: 'Example',
          email: email(who),
          picture: {
            data: { url: 'https://platform-lookaside.fbsbx.com/x', is_silhouette: false },
          },
        }),
      },
    },
    ada: {
      subject: '10158000000000001',
      email: 'ada@example.test',
      emailVerified: false,
      claims: {
        name: 'Ada Example',
        given_name: 'Ada',
        family_name: 'Example',
        picture: 'https://platform-lookaside.fbsbx.com/x',
      },
    },
  },
  linkedin: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      refusesPkce: true,
      omitsNonce: true,
      authorizationEndpoint: 'https://www.linkedin.com/oauth/v2/authorization',
      tokenEndpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
      openid: {
        issuer: 'https://www.linkedin.com/oauth',
        metadata: {
          jwks_uri: 'https://www.linkedin.com/oauth/openid/jwks',
          userinfo_endpoint: 'https://api.linkedin.com/v2/userinfo',
        },
        idToken: (who) => ({
          sub: who === 'ada' ? '782bbtaQ' : '782bbtaR',
          name: `${first(who)} Example`,
          given_name: first(who),
          family_name: 'Example',
          email: email(who),
          email_verified: true,
          locale: 'en_US',
        }),
      },
    },
    ada: {
      subject: '782bbtaQ',
      email: 'ada@example.test',
      emailVerified: true,
      claims: {
        name: 'Ada Example',
        given_name: 'Ada',
        family_name: 'Example',
        locale: 'en_US',
      },
    },
  },
  discord: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint: 'https://discord.com/oauth2/authorize',
      tokenEndpoint: 'https://discord.com/api/oauth2/token',
      tokenResponse: { scope: 'identify email', refresh_token: 'D43f5y0ahjqew82jZ4NViEr2YafMKhue' },
      resources: {
        'https://discord.com/api/v10/users/@me': (who) => ({
          id: who === 'ada' ? '80351110224678912' : '80351110224678913',
          username: who,
          discriminator: '0',
          global_name: `${first(who)} E.`,
          avatar: '8342729096ea3675442027381ff50dfe',
          verified: true,
          email: email(who),
          locale: 'de',
        }),
      },
    },
    ada: {
      subject: '80351110224678912',
      username: 'ada',
      email: 'ada@example.test',
      emailVerified: true,
      claims: {
        name: 'Ada E.',
        locale: 'de',
        picture:
          'https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png',
      },
    },
  },
  slack: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authorizationEndpoint: 'https://slack.com/openid/connect/authorize',
      tokenEndpoint: 'https://slack.com/api/openid.connect.token',
      tokenResponse: { ok: true },
      wrongCode: { status: 200, body: { ok: false, error: 'invalid_code' } },
      openid: {
        issuer: 'https://slack.com',
        metadata: {
          jwks_uri: 'https://slack.com/openid/connect/keys',
          userinfo_endpoint: 'https://slack.com/api/openid.connect.userInfo',
        },
        idToken: (who) => ({
          sub: who === 'ada' ? 'U0R7MFMJM' : 'U0R7MFMJN',
          auth_time: Math.floor(Date.now() / 1000),
          'https://slack.com/team_id': 'T0RR',
          'https://slack.com/user_id': who === 'ada' ? 'U0R7MFMJM' : 'U0R7MFMJN',
          email: email(who),
          email_verified: true,
          date_email_verified: 1_622_128_723,
          locale: 'en-US',
          name: `${first(who)} Example`,
          given_name: '',
          family_name: '',
        }),
      },
    },
    ada: {
      subject: 'U0R7MFMJM',
      username: 'U0R7MFMJM',
      email: 'ada@example.test',
      emailVerified: true,
      claims: { name: 'Ada Example', locale: 'en-US' },
    },
  },
  x: {
    settings: SETTINGS,
    secrets: { client_secret: SECRET },
    provider: {
      ...WEB,
      authentication: 'raw basic',
      authorizationEndpoint: 'https://x.com/i/oauth2/authorize',
      tokenEndpoint: 'https://api.x.com/2/oauth2/token',
      tokenResponse: { token_type: 'bearer', expires_in: 7200, scope: 'users.read tweet.read' },
      resources: {
        'https://api.x.com/2/users/me': (who, url) => ({
          data: {
            id: who === 'ada' ? '2244994945' : '2244994946',
            name: `${first(who)} Example`,
            username: who,
            ...(url.searchParams.get('user.fields')?.includes('confirmed_email')
              ? { confirmed_email: email(who) }
              : {}),
          },
        }),
      },
    },
    ada: {
      subject: '2244994945',
      username: 'ada',
      email: 'ada@example.test',
      emailVerified: true,
      claims: { name: 'Ada Example' },
    },
  },
}
