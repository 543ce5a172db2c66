import { DYNAMIC } from './dynamic/modules.ts'
import { type DynamicStage, startDynamic } from './dynamic/stage.ts'
import { oidcModules } from './modules.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { describePlan } from './support/plan.ts'

describePlan<DynamicStage>({
  title: 'oidcc-dynamic',
  rows: oidcModules('oidcc-dynamic'),
  modules: { ...CORE_MODULES, ...DISCOVERY, ...DYNAMIC },
  start: () => startDynamic({ AUTHCORE_REQUEST_URI: 'true' }),
})
