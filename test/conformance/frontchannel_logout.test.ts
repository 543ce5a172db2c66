import { oidcModules } from './modules.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { FRONTCHANNEL, FRONTCHANNEL_LOGOUT } from './oidc/frontchannel_logout.ts'
import { POST_LOGOUT } from './oidc/logout.ts'
import { startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

describePlan({
  title: 'oidcc-frontchannel-rp-initiated-logout',
  rows: oidcModules('oidcc-frontchannel-rp-initiated-logout'),
  modules: { ...DISCOVERY, ...FRONTCHANNEL },
  start: () =>
    startOidc(
      {},
      {
        env: { AUTHCORE_FRONTCHANNEL_LOGOUT: 'true' },
        metadata: {
          post_logout_redirect_uris: [POST_LOGOUT],
          frontchannel_logout_uri: FRONTCHANNEL_LOGOUT,
          frontchannel_logout_session_required: true,
        },
      },
    ),
})
