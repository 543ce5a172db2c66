import { expect } from 'chai'
import {
  MULTI_FACTOR_ACR,
  PHISHING_RESISTANT_ACR,
} from '../../../src/domain/authentication/assurance.ts'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import { answerOf } from '../support/answer.ts'
import { claimsOfScope } from '../support/checks/claims.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkUserInfo, fetchUserInfo } from '../support/checks/userinfo.ts'
import { authorize, flow } from '../support/flow.ts'
import {
  authorizationRequest,
  type Parameters,
  type Party,
  redeem,
  visit,
} from '../support/party.ts'
import { type Exercise, type Member, oneOf, STRICT, type Stage } from './exercise.ts'
import { jwtResponse } from './sealed.ts'

/** What an authorization request may say. */

/** The error that the client is told. */
async function errorOf(party: Party, parameters: Parameters): Promise<string | undefined> {
  const request = authorizationRequest(party, parameters)
  return answerOf(await visit(party, request.parameters)).parameters['error']
}

/** Registered for this response type: code for any client, the others for those of old. */
async function partyFor({ party, register }: Stage, responseType: string): Promise<Party> {
  if (responseType === 'code') return party
  const grants = responseType.includes('code') ? ['authorization_code', 'implicit'] : ['implicit']
  const metadata = { grant_types: grants, response_types: [responseType] } as ClientMetadataInput
  return { ...(await register(metadata, 'legacy')), responseType }
}

const responseTypes: Member = {
  works: async (type, stage) => void (await flow(await partyFor(stage, type), STRICT)),
  others: [
    'token',
    'id_token',
    'id_token token',
    'code id_token',
    'code token',
    'code id_token token',
    'none',
    'made_up',
  ],
  async refused(response_type, { party }) {
    const error = await errorOf(party, { response_type })
    expect(error).to.be.oneOf(['unsupported_response_type', 'invalid_request'])
  },
}

/** checkSuccess of the flow sees that the answer comes the way that was asked for. */
const comesBy: Exercise = async (mode, { party }) => {
  const { answer } = await flow({ ...party, responseMode: mode }, STRICT)
  expect(answer.delivery).to.equal(mode)
}

const responseModes: Member = {
  works: oneOf('response_modes_supported', {
    query: comesBy,
    fragment: comesBy,
    form_post: comesBy,
    jwt: jwtResponse,
    'query.jwt': jwtResponse,
    'fragment.jwt': jwtResponse,
    'form_post.jwt': jwtResponse,
  }),
  others: ['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt', 'web_message', 'made_up'],
  async refused(response_mode, { party }) {
    const error = await errorOf(party, { response_mode })
    expect(error).to.be.oneOf(['unsupported_response_mode', 'invalid_request'])
  },
}

const challengeMethods: Member = {
  works: oneOf('code_challenge_methods_supported', {
    async S256(_, { party }) {
      await flow(party, STRICT)
      const { answer } = await authorize(party, STRICT)
      const fields = { code: answer.parameters['code']!, verifier: 'another'.repeat(8) }
      checkMachineError(await redeem(party, fields), ['invalid_grant'], STRICT)
    },
  }),
  others: ['plain', 'S512', 's256'],
  async refused(code_challenge_method, { party }) {
    expect(await errorOf(party, { code_challenge_method })).to.equal('invalid_request')
  },
}

const seesPage =
  (form: string, parameters: Parameters): Exercise =>
  async (_, { party }) => {
    const first = await flow(party, STRICT)
    const { journey } = await flow(party, STRICT, { browser: first.browser, parameters })
    expect(journey.seen).to.include(form)
  }

/** Discovery has no member for them unless `create` is among them (Initiating User Registration). */
const prompts: Member = {
  works: oneOf('prompt_values_supported', {
    async none(_, { party }) {
      const { browser } = await flow(party, STRICT)
      await flow(party, STRICT, { browser, parameters: { prompt: 'none' } })
      expect(await errorOf(party, { prompt: 'none' })).to.equal('login_required')
    },
    login: seesPage('login-form', { prompt: 'login' }),
    consent: seesPage('consent-form', { prompt: 'consent' }),
    select_account: seesPage('select-account-form', { prompt: 'select_account' }),
  }),
  others: ['create', 'made_up', 'none login'],
  async refused(prompt, { party }) {
    expect(await errorOf(party, { prompt })).to.equal('invalid_request')
  },
}

const acrValues: Member = {
  async works(acr_values, { party }) {
    // Whoever has no second factor sets one up on the way; the first one would be asked for later.
    const { alice, bob, carol } = party.op
    const person = { [MULTI_FACTOR_ACR]: bob, [PHISHING_RESISTANT_ACR]: carol }[acr_values] ?? alice
    const { claims } = await flow(party, STRICT, { parameters: { acr_values }, person })
    expect(claims['acr']).to.equal(acr_values)
  },
  others: ['urn:mace:incommon:iap:gold', 'phrh', 'made_up'],
  async refused(acr, { party }) {
    const claims = JSON.stringify({ id_token: { acr: { essential: true, values: [acr] } } })
    expect(await errorOf(party, { claims })).to.equal('unmet_authentication_requirements')
  },
}

const scopes: Member = {
  async works(scope, { party }) {
    if (scope === 'openid') return void (await flow(party, STRICT, { parameters: { scope } }))
    const parameters = { scope: `openid ${scope}`, prompt: 'consent' }
    const { tokens, claims, accessToken } = await flow(party, STRICT, { parameters })
    expect(tokens!.scope?.split(' ')).to.include(scope)
    if (scope === 'offline_access') expect(tokens!.refresh_token).to.be.a('string')
    const about = checkUserInfo(await fetchUserInfo(party, accessToken!), claims.sub)
    expect(about).to.include.all.keys('sub', ...claimsOfScope(scope))
  },
  others: ['admin', 'groups', 'made_up'],
  async refused(scope, { party }) {
    const { tokens } = await flow(party, STRICT, { parameters: { scope: `openid ${scope}` } })
    expect((tokens!.scope ?? 'openid').split(' ')).not.to.include(scope)
  },
}

/** In the ID token or at UserInfo, wherever it is asked for. */
async function claimsWith(party: Party, name: string): Promise<Record<string, unknown>> {
  const wanted = { [name]: null }
  const parameters = {
    scope: 'openid',
    claims: JSON.stringify({ id_token: wanted, userinfo: wanted }),
  }
  const { claims, accessToken } = await flow(party, STRICT, { parameters, mayHold: [name] })
  return { ...checkUserInfo(await fetchUserInfo(party, accessToken!), claims.sub), ...claims }
}

const claims: Member = {
  async works(name, { party }) {
    expect(await claimsWith(party, name)).to.have.property(name)
  },
  others: ['password', 'roles', 'made_up'],
  async refused(name, { party }) {
    expect(await claimsWith(party, name)).not.to.have.property(name)
  },
}

const claimTypes: Member = {
  works: oneOf('claim_types_supported', {
    async normal(_, { party }) {
      const { claims, accessToken } = await flow(party, STRICT)
      const about = checkUserInfo(await fetchUserInfo(party, accessToken!), claims.sub)
      expect(about).not.to.have.any.keys('_claim_names', '_claim_sources')
    },
  }),
}

/** The language in which the login page is shown. */
async function languageFor({ party, op }: Stage, ui_locales: string): Promise<string | undefined> {
  const { parameters } = authorizationRequest(party, { ui_locales })
  const { last } = await visit(party, parameters, {
    browser: op.newBrowser(),
    stopsAt: 'login-form',
  })
  return /<html lang="([^"]+)"/.exec(last.body)?.[1]
}

const locales: Member = {
  async works(locale, stage) {
    expect(await languageFor(stage, locale)).to.equal(locale)
  },
  others: ['tlh', 'se'],
  async refused(locale, stage) {
    expect(await languageFor(stage, locale)).to.equal('en')
  },
}

export const PROMPTS: readonly string[] = ['none', 'login', 'consent', 'select_account']

export const REQUESTS: Readonly<Record<string, Member>> = {
  response_types_supported: responseTypes,
  response_modes_supported: responseModes,
  code_challenge_methods_supported: challengeMethods,
  prompt_values_supported: prompts,
  acr_values_supported: acrValues,
  scopes_supported: scopes,
  claims_supported: claims,
  claim_types_supported: claimTypes,
  ui_locales_supported: locales,
}
