import { oidcModules } from './modules.ts'
import { BACKCHANNEL } from './oidc/backchannel_logout.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { POST_LOGOUT } from './oidc/logout.ts'
import { type OidcStage, startOidc } from './oidc/stage.ts'
import { type Listener, startListener } from './support/listener.ts'
import { describePlan } from './support/plan.ts'

describePlan<OidcStage & { listener: Listener }>({
  title: 'oidcc-backchannel-rp-initiated-logout',
  rows: oidcModules('oidcc-backchannel-rp-initiated-logout'),
  modules: { ...DISCOVERY, ...BACKCHANNEL },
  async start() {
    const listener = await startListener()
    const stage = await startOidc(
      {},
      {
        worker: true,
        env: { AUTHCORE_OUTBOUND_ALLOW: listener.host },
        metadata: {
          post_logout_redirect_uris: [POST_LOGOUT],
          backchannel_logout_uri: `${listener.uri}/backchannel_logout`,
          backchannel_logout_session_required: true,
        },
      },
    )
    return {
      ...stage,
      listener,
      async stop() {
        await stage.stop()
        listener.stop()
      },
    }
  },
})
