import { oidcModules } from './modules.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

describePlan({
  title: 'oidcc-basic',
  rows: oidcModules('oidcc-basic'),
  modules: CORE_MODULES,
  start: () => startOidc(),
})
