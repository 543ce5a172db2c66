import { expect } from 'chai'
import { UnsecuredJWT } from 'jose'
import { randomToken } from '../../../src/core/secrets.ts'
import { DEVICE_CODE_GRANT } from '../../../src/domain/clients/client_metadata.ts'
import { API } from '../../support/authcore.ts'
import { checkLogoutToken } from '../oidc/backchannel_logout.ts'
import { checkFrame, FRONTCHANNEL_LOGOUT } from '../oidc/frontchannel_logout.ts'
import { logOut, POST_LOGOUT } from '../oidc/logout.ts'
import { CALLBACK } from '../oidc/stage.ts'
import { answerOf, checkSuccess } from '../support/answer.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { authorize, flow } from '../support/flow.ts'
import {
  authorizationRequest,
  endpointOf,
  machinePost,
  type Party,
  redeem,
  visit,
} from '../support/party.ts'
import { certified } from './clients.ts'
import { type Exercise, STRICT, type Stage } from './exercise.ts'
import { polled, refusesUserCode } from './further_grants.ts'
import { requestByReference, requestByValue } from './sealed.ts'

/** Endpoints, and what is said with yes or no. */

const signsIn: Exercise = async (_, { party }) => void (await flow(party, STRICT))

async function isActive(stage: Stage, token: string): Promise<unknown> {
  const guard = await stage.register({ introspection: 'any' }, 'service')
  const uri = String(stage.op.metadata['introspection_endpoint'])
  const reply = await machinePost(guard, uri, { token })
  expect(reply.status, reply.body).to.equal(200)
  return reply.json<{ active: unknown }>().active
}

export const ENDPOINTS: Readonly<Record<string, Exercise>> = {
  async issuer(issuer, { op }) {
    for (const path of ['openid-configuration', 'oauth-authorization-server']) {
      const reply = await op.newBrowser().get(`${issuer}/.well-known/${path}`)
      expect(reply.json()).to.deep.equal(op.metadata)
    }
  },
  jwks_uri: async (_, { op }) => void (await fetchJwks(op)),
  // A sign-in asks all three, and compares what they say.
  authorization_endpoint: signsIn,
  token_endpoint: signsIn,
  userinfo_endpoint: signsIn,
  async pushed_authorization_request_endpoint(uri, { party }) {
    const request = authorizationRequest(party)
    const pushed = await machinePost(party, uri, request.parameters)
    expect(pushed.status, pushed.body).to.equal(201)
    const { request_uri } = pushed.json<{ request_uri: string }>()
    const journey = await visit(party, { client_id: party.clientId, request_uri })
    checkSuccess(party, request, answerOf(journey), STRICT)
  },
  async introspection_endpoint(_, stage) {
    const { accessToken } = await flow(stage.party, STRICT)
    expect(await isActive(stage, accessToken!)).to.equal(true)
    expect(await isActive(stage, randomToken())).to.equal(false)
  },
  async revocation_endpoint(uri, stage) {
    const { accessToken } = await flow(stage.party, STRICT)
    const revoked = await machinePost(stage.party, uri, { token: accessToken! })
    expect(revoked.status, revoked.body).to.equal(200)
    expect(await isActive(stage, accessToken!)).to.equal(false)
  },
  async device_authorization_endpoint(uri, { register }) {
    const party = await register({ redirect_uris: [] }, 'device')
    const reply = await machinePost(party, uri, { scope: 'openid' })
    expect(reply.status, reply.body).to.equal(200)
    expect(reply.json()).to.include.all.keys('device_code', 'user_code', 'verification_uri')
  },
  backchannel_authentication_endpoint: polled,
  async registration_endpoint(uri, { op }) {
    const json = { redirect_uris: [CALLBACK], client_name: 'Of the suite' }
    const reply = await op.newBrowser().request('POST', uri, { json })
    expect(reply.status, reply.body).to.equal(201)
    expect(reply.json()).to.include.all.keys('client_id', 'registration_access_token')
  },
  async end_session_endpoint(_, { party }) {
    const { browser, idToken } = await flow(party, STRICT)
    await logOut(party, browser, { id_token_hint: idToken })
    const { parameters } = authorizationRequest(party, { prompt: 'none' })
    const { parameters: answer } = answerOf(await visit(party, parameters, { browser }))
    expect(answer['error']).to.equal('login_required')
  },
}

/** A form to an alias, with the client's certificate and nothing else to say who it is. */
const takesCertificate =
  (fields: Record<string, string>, expected: number): Exercise =>
  async (uri, stage) => {
    const reply = await machinePost(await certified(stage), uri, fields)
    expect(reply.status, reply.body).to.equal(expected)
    const without = await machinePost(await certified(stage), uri, fields, {
      certificate: undefined,
    })
    expect(without.status, without.body).to.equal(401)
  }

/** RFC 8705 §5: every sign-in with a certificate goes by way of them. */
export const ALIASES: Readonly<Record<string, Exercise>> = {
  token_endpoint: takesCertificate({ grant_type: 'authorization_code', code: 'x' }, 400),
  pushed_authorization_request_endpoint: takesCertificate({ response_type: 'code' }, 400),
  introspection_endpoint: takesCertificate({ token: 'x' }, 200),
  revocation_endpoint: takesCertificate({ token: 'x' }, 200),
  async device_authorization_endpoint(uri, stage) {
    const grant_types = [DEVICE_CODE_GRANT, 'authorization_code'] as const
    const party = await certified(stage, { grant_types: [...grant_types] })
    const reply = await machinePost(party, uri, { scope: 'openid' })
    expect(reply.status, reply.body).to.equal(200)
  },
  backchannel_authentication_endpoint: takesCertificate({ scope: 'openid' }, 400),
  async userinfo_endpoint(uri, stage) {
    const { accessToken } = await flow(await certified(stage), STRICT)
    const headers = { authorization: `Bearer ${accessToken}` }
    const reply = await stage.op.newBrowser().get(uri, { headers })
    expect(reply.status, reply.body).to.equal(200)
  },
}

/** Endpoints of other servers, and where one would look for them here. */
export const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  registration_endpoint: ['/register', '/reg', '/registration', '/connect/register'],
  backchannel_authentication_endpoint: ['/backchannel', '/bc-authorize', '/ciba'],
  check_session_iframe: ['/session/check', '/check_session', '/connect/checksession'],
}

async function toldOfLogout({ host, register }: Stage, withSession: boolean): Promise<void> {
  const party = await register({
    backchannel_logout_uri: `${host.uri}/logged-out`,
    backchannel_logout_session_required: withSession,
  })
  const { browser, idToken, claims } = await flow(party, STRICT)
  await logOut(party, browser, { id_token_hint: idToken })
  const { body } = await host.next()
  const token = new URLSearchParams(body).get('logout_token')!
  await checkLogoutToken(party, token, withSession ? claims : { sub: claims.sub })
}

const LOOPBACK = 'http://127.0.0.1:3118/callback'

/** The client_id is an address, and what is there is the client: one that names the API it wants. */
const knownByDocument: Exercise = async (_, { host, party }) => {
  const clientId = `${host.uri}/client.json`
  host.publish('/client.json', {
    client_id: clientId,
    client_name: 'A workbench',
    redirect_uris: [LOOPBACK],
    token_endpoint_auth_method: 'none',
  })
  const client = { ...party, clientId, redirectUri: LOOPBACK, scope: 'read' }
  const parameters = { resource: API, nonce: undefined }
  const { request, answer } = await authorize(client, STRICT, { parameters })
  const grant = { code: answer.parameters['code']!, verifier: request.verifier, resource: API }
  const reply = await redeem(client, grant, { credentials: { method: 'none' } })
  checkTokens(reply, 'Bearer', STRICT)
}

async function loadsFrame({ register }: Stage, withSession: boolean): Promise<void> {
  const party = await register({
    frontchannel_logout_uri: FRONTCHANNEL_LOGOUT,
    frontchannel_logout_session_required: withSession,
    post_logout_redirect_uris: [POST_LOGOUT],
  })
  const { browser, idToken, claims } = await flow(party, STRICT)
  const post_logout_redirect_uri = POST_LOGOUT
  const journey = await logOut(party, browser, { id_token_hint: idToken, post_logout_redirect_uri })
  checkFrame(
    party,
    journey,
    withSession ? claims['sid'] : journey.frames[0]?.searchParams.get('sid'),
  )
}

/** RFC 8705 §3: of no use without the certificate, at UserInfo too. */
const boundToCertificate: Exercise = async (_, stage) => {
  const { op } = stage
  const party = await certified(stage, { tls_client_certificate_bound_access_tokens: true })
  const { request, answer } = await authorize(party, STRICT)
  const grant = { code: answer.parameters['code']!, verifier: request.verifier }
  const { access_token } = checkTokens(await redeem(party, grant), 'Bearer', STRICT)
  const headers = { authorization: `Bearer ${access_token}` }
  const uri = endpointOf(party, 'userinfo_endpoint')
  expect((await op.newBrowser(party.certificate).get(uri, { headers })).status).to.equal(200)
  expect((await op.newBrowser().get(uri, { headers })).status).to.equal(401)
}

/** A parameter that would replace the request: refused, and the client told. */
async function refusesParameter(
  party: Party,
  name: 'request' | 'request_uri',
  value: string,
): Promise<void> {
  const request = authorizationRequest(party, { [name]: value })
  const { leaves, last } = await visit(party, request.parameters)
  const errors = [`${name}_not_supported`, 'invalid_request', `invalid_${name}`]
  if (leaves) expect(leaves.uri.searchParams.get('error')).to.be.oneOf(errors)
  else expect(last.status).to.be.within(400, 499)
}

type Flag = { yes?: Exercise; no?: Exercise; absent?: Exercise }

const noObject: Exercise = async (_, { party }) =>
  await refusesParameter(party, 'request', new UnsecuredJWT({ state: 'x' }).encode())

const noReference: Exercise = async (_, { party }) =>
  await refusesParameter(party, 'request_uri', 'https://suite.example.test/request.jwt')

/** What stands for true, for false, and for a member that is not there. */
export const FLAGS: Readonly<Record<string, Flag>> = {
  authorization_response_iss_parameter_supported: {
    async yes(_, { op, party }) {
      const { answer } = await flow(party, STRICT)
      expect(answer.parameters['iss']).to.equal(op.issuer)
    },
  },
  claims_parameter_supported: {
    async yes(_, { party }) {
      const parameters = { scope: 'openid', claims: '{"id_token":{"name":null}}' }
      const { claims } = await flow(party, STRICT, { parameters, mayHold: ['name'] })
      expect(claims).to.have.property('name')
    },
  },
  request_parameter_supported: { yes: requestByValue, no: noObject, absent: noObject },
  request_uri_parameter_supported: {
    yes: requestByReference,
    no: noReference,
    absent: noReference,
  },
  // OpenID Connect Core §6.2: an address that the client did not register is not asked.
  require_request_uri_registration: { yes: noReference },
  client_id_metadata_document_supported: { yes: knownByDocument },
  tls_client_certificate_bound_access_tokens: { yes: boundToCertificate },
  backchannel_user_code_parameter_supported: { no: refusesUserCode },
  frontchannel_logout_supported: { yes: (_, stage) => loadsFrame(stage, false) },
  frontchannel_logout_session_supported: { yes: (_, stage) => loadsFrame(stage, true) },
  backchannel_logout_supported: { yes: (_, stage) => toldOfLogout(stage, false) },
  backchannel_logout_session_supported: { yes: (_, stage) => toldOfLogout(stage, true) },
}
