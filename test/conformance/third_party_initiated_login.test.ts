import { startDynamic } from './dynamic/stage.ts'
import { THIRD_PARTY_LOGIN } from './dynamic/third_party_login.ts'
import { oidcModules } from './modules.ts'
import { describePlan } from './support/plan.ts'

describePlan({
  title: 'oidcc-3rdparty-init-login',
  rows: oidcModules('oidcc-3rdparty-init-login'),
  modules: THIRD_PARTY_LOGIN,
  start: () => startDynamic(),
})
