import { SignJWT } from 'jose'
import { z } from 'zod'
import { DomainError } from '../../../core/errors.ts'
import { parsedJson, textOf } from '../../../core/unknown.ts'
import { readPrivateKey, requiredSecret } from '../oidc/client_authentication.ts'
import type { Claims } from '../oidc/oidc_profile.ts'
import { oidcPreset } from './oidc_preset.ts'

/** Sign in with Apple. */

const ISSUER = 'https://appleid.apple.com'

/** Apple takes up to six months; made anew for each request, it need not outlive one. */
const SECRET_TTL_S = 300

type AppleClient = { client_id: string; team_id: string; key_id: string }

/** There is no secret to keep: a short JWT, signed with the key that Apple gave, stands for one. */
function byOwnSecret(client: AppleClient, privateKey: string, now: () => Date) {
  const key = readPrivateKey('private_key', privateKey)
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new DomainError('invalid_input', 'the secret private_key is no key on P-256', {
      hint: 'give the .p8 file as Apple gave it',
    })
  }
  return async (_as: unknown, _client: unknown, body: URLSearchParams) => {
    const nowS = Math.floor(now().getTime() / 1000)
    const secret = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: client.key_id })
      .setIssuer(client.team_id)
      .setSubject(client.client_id)
      .setAudience(ISSUER)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + SECRET_TTL_S)
      .sign(key)
    body.set('client_id', client.client_id)
    body.set('client_secret', secret)
  }
}

/**
 * The name comes once, at the first sign-in, and not signed: the browser could write anything. It is as
 * good as a name typed into a form, and an address that stands beside it is not read.
 */
function nameIn({ user }: Readonly<Record<string, string>>): Claims {
  const { name } = (parsedJson(user ?? '') ?? {}) as {
    name?: { firstName?: unknown; lastName?: unknown }
  }
  const given = textOf(name?.firstName)
  const family = textOf(name?.lastName)
  const whole = [given, family].filter(Boolean).join(' ')
  return { given_name: given, family_name: family, ...(whole ? { name: whole } : {}) }
}

export const appleKind = oidcPreset({
  title: 'Apple',
  // A relay address (`privaterelay.appleid.com`) reaches them too.
  trustsEmail: true,
  scopes: ['openid', 'name', 'email'],
  settings: {
    team_id: z
      .string()
      .regex(/^[A-Z0-9]{10}$/, { error: 'must be the ten characters of the team' }),
    key_id: z.string().regex(/^[A-Z0-9]{10}$/, { error: 'must be the ten characters of the key' }),
  },
  secrets: { private_key: 'required' },
  authenticate: (settings, secrets, now) =>
    byOwnSecret(settings, requiredSecret(secrets, 'private_key'), now),
  quirks: () => ({
    issuer: ISSUER,
    // Apple insists on it where a name or an address is asked for.
    responseMode: 'form_post',
    // Documented nowhere; `state`, `nonce` and the signed secret remain.
    pkce: false,
    // Documented as "a string or a boolean".
    emailVerified: ({ email_verified: verified }) => verified === true || verified === 'true',
    besides: nameIn,
  }),
})
