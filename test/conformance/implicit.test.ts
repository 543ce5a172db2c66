import { oidcModules } from './modules.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { AS_CERTIFIED, startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

for (const responseType of ['id_token', 'id_token token']) {
  describePlan({
    title: `oidcc-implicit [${responseType}]`,
    rows: oidcModules('oidcc-implicit', responseType),
    modules: CORE_MODULES,
    start: () => startOidc({ preset: 'legacy', responseType }, { env: AS_CERTIFIED }),
  })
}
