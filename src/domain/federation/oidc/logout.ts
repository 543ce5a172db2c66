import type { LogoutConnector, LogoutReceived } from '../connector.ts'
import type { LogoutToken } from './backchannel_logout.ts'
import type { UpstreamLogout } from './end_session.ts'

/**
 * Logout as every source has it: what a provider's server sends (Back-Channel Logout 1.0), and where a
 * browser goes that signs out here (RP-Initiated Logout 1.0).
 */
export function oidcLogout(provider: {
  /** @throws as discovery does */
  endSessionUri(input: UpstreamLogout): Promise<string | undefined>
  verifyLogoutToken(token: string): Promise<LogoutToken>
}): LogoutConnector {
  return {
    async receive({ channel, params }) {
      if (channel === 'browser') return returned(params['state'])
      const token = params['logout_token']
      if (token === undefined) return { kind: 'refused', detail: 'there is no logout_token' }
      const verified = await provider.verifyLogoutToken(token)
      if (verified.kind !== 'valid') return verified
      const { subject, sessionId, jti, expiresAt } = verified.logout
      const sessionIds = sessionId === undefined ? [] : [sessionId]
      const message = { id: jti, expiresAt }
      return { kind: 'ended', message, whose: { subject, sessionIds } }
    },
    async begin({ logoutHint, returnUri, state }) {
      const asked = { idTokenHint: logoutHint, postLogoutRedirectUri: returnUri, state }
      try {
        const uri = await provider.endSessionUri(asked)
        if (uri === undefined) return { kind: 'unsupported' }
        return { kind: 'departs', departure: { method: 'GET', uri }, keep: null }
      } catch (error) {
        return { kind: 'unavailable', reason: (error as Error).message }
      }
    },
  }
}

/** The provider says no more than `state` (RP-Initiated Logout 1.0 §3). */
function returned(state: string | undefined): LogoutReceived {
  if (state === undefined) return { kind: 'refused', detail: 'there is no state' }
  return { kind: 'answered', state, read: async () => true }
}
