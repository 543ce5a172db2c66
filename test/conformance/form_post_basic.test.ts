import { oidcModules } from './modules.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { AS_CERTIFIED, startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

describePlan({
  title: 'oidcc-formpost-basic',
  rows: oidcModules('oidcc-formpost-basic'),
  modules: CORE_MODULES,
  start: () => startOidc({ preset: 'legacy', responseMode: 'form_post' }, { env: AS_CERTIFIED }),
})
