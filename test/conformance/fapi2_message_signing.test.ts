import { fapiModules } from './fapi/modules.ts'
import { startFapi } from './fapi/stage.ts'
import { FAPI_MODULES } from './fapi/suite.ts'
import { describePlan } from './support/plan.ts'

const variant = { auth: 'private_key_jwt', constrain: 'dpop', openid: 'openid_connect' } as const

// Signed requests and JARM, which is everything that Message Signing has.
describePlan({
  title: 'fapi2-message-signing-final',
  rows: fapiModules('MS', variant),
  modules: FAPI_MODULES,
  start: () => startFapi(variant, 'MS'),
})
