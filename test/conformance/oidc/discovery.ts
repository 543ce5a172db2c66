import { expect } from 'chai'
import {
  checkEndpointsAreHttps,
  checkIssuer,
  checkLocales,
  checkMetadataShape,
  checkScopes,
} from '../support/checks/discovery.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import type { Op } from '../support/op.ts'
import type { Notes } from '../support/outcome.ts'
import type { Module } from '../support/plan.ts'

/** What the discovery document must say for each plan. */

type Stage = { op: Op; dynamic?: boolean }

const verification: Module<Stage> = async ({ op, dynamic = false, notes }) => {
  const reply = await op.newBrowser().get('/.well-known/openid-configuration')
  expect(reply.status).to.equal(200)
  expect(reply.headers['content-type']).to.match(/^application\/json(;|$)/)
  const { metadata } = op
  checkIssuer(metadata, op.issuer)
  checkMetadataShape(metadata, notes)
  checkEndpointsAreHttps(metadata)
  checkScopes(metadata, notes)
  checkLocales(metadata, notes)
  await fetchJwks(op)
  expect(metadata['subject_types_supported']).to.include.oneOf(['public', 'pairwise'])
  expect(metadata['id_token_signing_alg_values_supported']).to.include('RS256')
  expect(metadata['code_challenge_methods_supported']).to.be.an('array')
  checkFlows(metadata, dynamic)
  warnOfMissing(metadata, notes)
}

function checkFlows(metadata: Op['metadata'], dynamic: boolean): void {
  const types = dynamic ? ['code', 'id_token', 'id_token token'] : ['code']
  expect(metadata['response_types_supported']).to.include.members(types)
  const grants = dynamic ? ['authorization_code', 'implicit'] : ['authorization_code']
  expect(metadata['grant_types_supported']).to.include.members(grants)
  if (dynamic) expect(metadata['registration_endpoint']).to.be.a('string')
}

function warnOfMissing(metadata: Op['metadata'], notes: Notes): void {
  for (const name of ['claims_supported', 'userinfo_endpoint', 'scopes_supported']) {
    if (!(name in metadata)) notes.warn(`no ${name}`)
  }
  const algs = metadata['request_object_signing_alg_values_supported'] as string[] | undefined
  if (algs && !algs.includes('RS256')) notes.warn('request objects cannot be signed with RS256')
}

const has =
  (...members: string[]): Module<Stage> =>
  async ({ op, notes }) => {
    const { metadata } = op
    checkMetadataShape(metadata, notes)
    checkEndpointsAreHttps(metadata)
    expect(metadata.end_session_endpoint).to.match(/^https:\/\//)
    for (const member of members) expect(metadata[member], member).to.equal(true)
  }

export const DISCOVERY: Record<string, Module<Stage>> = {
  'oidcc-discovery-endpoint-verification': verification,
  'oidcc-rp-initiated-logout-discovery-endpoint-verification': has(),
  'oidcc-backchannel-logout-discovery-endpoint-verification': has(
    'backchannel_logout_supported',
    'backchannel_logout_session_supported',
  ),
  'oidcc-frontchannel-logout-discovery-endpoint-verification': has(
    'frontchannel_logout_supported',
    'frontchannel_logout_session_supported',
  ),
}
