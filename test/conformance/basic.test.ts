import { oidcModules } from './modules.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { AS_CERTIFIED, startOidc } from './oidc/stage.ts'
import { describePlan } from './support/plan.ts'

const common = { rows: oidcModules('oidcc-basic'), modules: CORE_MODULES }

// As the suite asks it: PKCE in the module about it and nowhere else.
describePlan({
  ...common,
  title: 'oidcc-basic',
  start: () => startOidc({ preset: 'legacy' }, { env: AS_CERTIFIED }),
})

// As clients and servers are by default.
describePlan({ ...common, title: 'oidcc-basic [PKCE]', start: () => startOidc() })
