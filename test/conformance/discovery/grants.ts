import { expect } from 'chai'
import {
  CIBA_GRANT,
  DEVICE_CODE_GRANT,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from '../../../src/domain/clients/client_metadata.ts'
import { API } from '../../support/authcore.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { flow } from '../support/flow.ts'
import { machinePost, refresh, tokenRequest } from '../support/party.ts'
import { walk } from '../support/stand_in.ts'
import { type Exercise, type Member, oneOf, STRICT } from './exercise.ts'
import { jwtBearer, pinged, polled, signedAtCiba, tokenExchange } from './further_grants.ts'

/** Every way to a token. */

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }

const refreshed: Exercise = async (_, { party }) => {
  const { tokens } = await flow(party, STRICT, { parameters: OFFLINE })
  checkTokens(await refresh(party, tokens!.refresh_token!), 'Bearer', STRICT)
}

const clientCredentials: Exercise = async (grant_type, { register }) => {
  const party = await register({ resource_scopes: { [API]: ['read'] } }, 'service')
  const fields = { grant_type, resource: API, scope: 'read' }
  const tokens = checkTokens(await tokenRequest(party, fields), 'Bearer', STRICT)
  expect(tokens.scope).to.equal('read')
}

const device: Exercise = async (grant_type, { op, register }) => {
  const party = await register({ redirect_uris: [] }, 'device')
  const uri = String(op.metadata['device_authorization_endpoint'])
  const started = await machinePost(party, uri, { scope: 'openid' })
  expect(started.status, started.body).to.equal(200)
  const { device_code, verification_uri_complete } = started.json<Record<string, string>>()
  const browser = op.newBrowser()
  const page = await browser.get(verification_uri_complete!)
  const { last } = await walk({ browser, issuer: op.issuer, conduct: { person: op.alice } }, page)
  expect(last.body).to.include('id="device-outcome"')
  checkTokens(await tokenRequest(party, { grant_type, device_code }), 'Bearer', STRICT)
}

/** The grant of response types with tokens in front: no token endpoint is asked. */
const implicit: Exercise = async (_, { register }) => {
  const metadata = { grant_types: ['implicit'], response_types: ['id_token token'] } as const
  const party = await register(
    { grant_types: [...metadata.grant_types], response_types: [...metadata.response_types] },
    'legacy',
  )
  const { accessToken } = await flow({ ...party, responseType: 'id_token token' }, STRICT)
  expect(accessToken).to.be.a('string')
}

const grantTypes: Member = {
  works: oneOf('grant_types_supported', {
    authorization_code: async (_, { party }) => void (await flow(party, STRICT)),
    refresh_token: refreshed,
    client_credentials: clientCredentials,
    [DEVICE_CODE_GRANT]: device,
    implicit,
    [TOKEN_EXCHANGE_GRANT]: tokenExchange,
    [JWT_BEARER_GRANT]: jwtBearer,
    [CIBA_GRANT]: polled,
  }),
  others: [
    'password',
    'implicit',
    JWT_BEARER_GRANT,
    'urn:ietf:params:oauth:grant-type:saml2-bearer',
    TOKEN_EXCHANGE_GRANT,
    CIBA_GRANT,
    DEVICE_CODE_GRANT,
    'made_up',
  ],
  async refused(grant_type, { op, party }) {
    const { email: username, password } = op.alice
    const fields = { grant_type, username, password, assertion: 'x', auth_req_id: 'x' }
    const reply = await tokenRequest(party, { ...fields, scope: 'openid' })
    checkMachineError(reply, ['unsupported_grant_type'], STRICT)
  },
}

const deliveryModes: Member = {
  works: oneOf('backchannel_token_delivery_modes_supported', { poll: polled, ping: pinged }),
}

export const GRANTS: Readonly<Record<string, Member>> = {
  grant_types_supported: grantTypes,
  backchannel_token_delivery_modes_supported: deliveryModes,
  backchannel_authentication_request_signing_alg_values_supported: { works: signedAtCiba },
}
