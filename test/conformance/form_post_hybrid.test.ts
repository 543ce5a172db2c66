import { oidcModules } from './modules.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { AS_CERTIFIED, startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

for (const responseType of ['code id_token', 'code token', 'code id_token token']) {
  describePlan({
    title: `oidcc-formpost-hybrid [${responseType}]`,
    rows: oidcModules('oidcc-formpost-hybrid', responseType),
    modules: CORE_MODULES,
    start: () =>
      startOidc(
        { preset: 'legacy', responseType, responseMode: 'form_post' },
        { env: AS_CERTIFIED },
      ),
  })
}
