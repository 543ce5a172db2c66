import { describeSecurityProfile } from './fapi/suite.ts'

for (const openid of ['openid_connect', 'plain_oauth'] as const) {
  describeSecurityProfile({ auth: 'private_key_jwt', constrain: 'mtls', openid })
}
