import { z } from 'zod'
import { durationS, integer, setting } from '../setting.ts'

const day = 86400

/** Lifetimes. The defaults follow the security catalogue; the upper bounds are refusals, not advice. */
export const tokensSection = z.strictObject({
  authorizationCodeS: setting(durationS(10, 60).default(60), {
    env: 'AUTHCORE_TTL_AUTHORIZATION_CODE',
    doc: 'Lifetime of an authorization code (RFC 9700 and the FAPI profiles ask for at most 60 s).',
  }),
  interactionS: setting(durationS(60, 3600).default(900), {
    env: 'AUTHCORE_TTL_INTERACTION',
    doc: 'How long a person may take over one sign-in or consent page.',
  }),
  accessTokenS: setting(durationS(60, day).default(600), {
    env: 'AUTHCORE_TTL_ACCESS_TOKEN',
    doc: 'Lifetime of an access token; an API (resource server) may set its own.',
  }),
  idTokenS: setting(durationS(60, day).default(600), {
    env: 'AUTHCORE_TTL_ID_TOKEN',
    doc: 'Lifetime of an ID token.',
  }),
  refreshTokenIdleS: setting(durationS(300, 365 * day).default(14 * day), {
    env: 'AUTHCORE_TTL_REFRESH_TOKEN_IDLE',
    doc: 'A refresh token that is not used for this long expires.',
  }),
  refreshTokenAbsoluteS: setting(durationS(300, 730 * day).default(90 * day), {
    env: 'AUTHCORE_TTL_REFRESH_TOKEN_ABSOLUTE',
    doc: 'A chain of rotated refresh tokens ends this long after its first one, however often it was used.',
  }),
  refreshRetryWindowS: setting(durationS(0, 60).default(15), {
    env: 'AUTHCORE_REFRESH_RETRY_WINDOW',
    doc: 'Within this time after a rotation, the old refresh token counts as an honest retry, not as theft. 0 switches the grace off.',
  }),
  refreshReuseDetectionS: setting(durationS(60, 90 * day).default(3 * day), {
    env: 'AUTHCORE_REFRESH_REUSE_DETECTION',
    doc: 'How long a used refresh token is remembered, so that its reuse revokes the whole chain.',
  }),
  sessionS: setting(durationS(300, 365 * day).default(14 * day), {
    env: 'AUTHCORE_TTL_SESSION',
    doc: 'Longest life of a sign-in session, from the sign-in. The browser forgets it when it closes.',
  }),
  sessionIdleS: setting(durationS(300, 365 * day).default(day), {
    env: 'AUTHCORE_TTL_SESSION_IDLE',
    doc: 'A session that is not used for this long ends, unless its person chose "Keep me signed in".',
  }),
  sessionRememberedS: setting(durationS(300, 365 * day).default(30 * day), {
    env: 'AUTHCORE_TTL_SESSION_REMEMBERED',
    doc: 'Longest life of a session whose person chose "Keep me signed in", from the sign-in.',
  }),
  deviceCodeS: setting(durationS(60, 1800).default(600), {
    env: 'AUTHCORE_TTL_DEVICE_CODE',
    doc: 'Lifetime of a device code and its user code (RFC 8628).',
  }),
  backchannelRequestS: setting(durationS(30, 600).default(300), {
    env: 'AUTHCORE_TTL_BACKCHANNEL_REQUEST',
    doc: 'Lifetime of a request for approval (CIBA) whose client wishes for no other. It can wish for ten minutes at most.',
  }),
  pushedRequestS: setting(durationS(5, 60).default(60), {
    env: 'AUTHCORE_TTL_PUSHED_REQUEST',
    doc: 'Lifetime of a pushed authorization request (RFC 9126).',
  }),
  clockToleranceS: setting(integer(0, 60).default(15), {
    env: 'AUTHCORE_CLOCK_TOLERANCE',
    doc: 'Seconds by which the clocks of clients may differ from ours.',
  }),
})
