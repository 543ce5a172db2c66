import { describeSecurityProfile } from './fapi/suite.ts'

for (const openid of ['openid_connect', 'plain_oauth'] as const) {
  describeSecurityProfile({ auth: 'mtls', constrain: 'mtls', openid })
}
