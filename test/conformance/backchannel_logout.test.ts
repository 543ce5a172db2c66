import { oidcModules } from './modules.ts'
import { BACKCHANNEL } from './oidc/backchannel_logout.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { POST_LOGOUT } from './oidc/logout.ts'
import { type OidcStage, startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'
import { type SuiteHost, startSuiteHost } from './support/suite_host.ts'

describePlan<OidcStage & { host: SuiteHost }>({
  title: 'oidcc-backchannel-rp-initiated-logout',
  rows: oidcModules('oidcc-backchannel-rp-initiated-logout'),
  modules: { ...DISCOVERY, ...BACKCHANNEL },
  async start() {
    const host = await startSuiteHost()
    const stage = await startOidc(
      {},
      {
        worker: true,
        env: host.env,
        metadata: {
          post_logout_redirect_uris: [POST_LOGOUT],
          backchannel_logout_uri: `${host.uri}/backchannel_logout`,
          backchannel_logout_session_required: true,
        },
      },
    )
    return {
      ...stage,
      host,
      async stop() {
        await stage.stop()
        host.stop()
      },
    }
  },
})
