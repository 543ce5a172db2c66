import { oidcModules } from './modules.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { startOp } from './support/op.ts'
import { describePlan } from './support/plan.ts'

describePlan({
  title: 'oidcc-config',
  rows: oidcModules('oidcc-config'),
  modules: DISCOVERY,
  start: async () => {
    const op = await startOp()
    return { op, stop: op.stop }
  },
})
