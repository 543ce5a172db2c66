import { expect } from 'chai'
import { UnsecuredJWT } from 'jose'
import { answerOf, checkErrorAnswer } from '../support/answer.ts'
import type { Notes } from '../support/outcome.ts'
import { authorizationRequest, type Party, visit } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { OidcStage } from './stage.ts'

/** What only providers without a signature's care are asked for: objects of `alg: none`. */

type OidcModule = Module<OidcStage>

const REFUSALS = ['request_not_supported', 'invalid_request_object', 'invalid_request']

const unsignedObject =
  (changes: { redirect_uri?: string } = {}): OidcModule =>
  async ({ op, party, notes }) => {
    const algs = (op.metadata['request_object_signing_alg_values_supported'] ?? []) as string[]
    if (algs.includes('none')) throw new Error('unsigned request objects must not be offered')
    await unsignedIsRefused(party, changes, notes)
    notes.skip('none is not in request_object_signing_alg_values_supported')
  }

/** The suite stops here; we look that what is not offered is not taken either. */
async function unsignedIsRefused(
  party: Party,
  changes: { redirect_uri?: string },
  notes: Notes,
): Promise<void> {
  const request = authorizationRequest(party)
  const object = new UnsecuredJWT({ ...request.parameters })
    .setIssuer(party.clientId)
    .setAudience(party.op.issuer)
    .encode()
  const journey = await visit(party, { ...request.parameters, ...changes, request: object })
  if (!journey.leaves) {
    expect(journey.last.status, journey.last.url).to.be.within(400, 499)
    return
  }
  checkErrorAnswer(party, request, answerOf(journey), REFUSALS, notes)
}

const dynamicOnly: OidcModule = async ({ notes }) =>
  notes.skip('the suite asks this of clients that register themselves')

export const REQUEST_OBJECTS: Record<string, OidcModule> = {
  'oidcc-idtoken-signature': dynamicOnly,
  'oidcc-idtoken-unsigned': dynamicOnly,
  'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported': dynamicOnly,
  'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported': unsignedObject(),
  'oidcc-ensure-request-object-with-redirect-uri': unsignedObject({
    redirect_uri: 'https://suite.example.test/test/a/authcore/callback/elsewhere',
  }),
}
