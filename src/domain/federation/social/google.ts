import { z } from 'zod'
import { oidcPreset } from './oidc_preset.ts'

/**
 * Google. Its word on an address is good: for gmail.com and the domains of Workspace it runs the
 * mailbox, for others it has sent a mail there.
 */
export const googleKind = oidcPreset({
  title: 'Google',
  trustsEmail: true,
  scopes: ['openid', 'email', 'profile'],
  settings: {
    /** Only shows accounts of this Workspace domain; who may come in is for the connection's rules. */
    hosted_domain: z.string().min(1).max(255).optional(),
  },
  quirks: ({ hosted_domain: hd }) => ({
    issuer: 'https://accounts.google.com',
    // It knows no `login`. Whether a sign-in was fresh it tells only by `auth_time`, where it is asked.
    freshPrompt: 'select_account',
    authorizationParameters: {
      claims: JSON.stringify({ id_token: { auth_time: null } }),
      ...(hd ? { hd } : {}),
    },
  }),
})
