import { oidcModules } from './modules.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { LOGOUT, POST_LOGOUT } from './oidc/logout.ts'
import { startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

describePlan({
  title: 'oidcc-rp-initiated-logout',
  rows: oidcModules('oidcc-rp-initiated-logout'),
  modules: { ...DISCOVERY, ...LOGOUT },
  start: () => startOidc({}, { metadata: { post_logout_redirect_uris: [POST_LOGOUT] } }),
})
