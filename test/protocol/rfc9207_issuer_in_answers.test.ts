import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'

describe('The issuer in authorization responses (RFC 9207)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    party = await relyingParty(server, await addClient(server))
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())

  it('is what discovery says', async () => {
    const { authorization_response_iss_parameter_supported: supported, issuer } = (
      await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    ).json<Record<string, unknown>>()
    expect(supported).to.equal(true)
    expect(issuer).to.equal(server.issuer)
  })

  for (const [title, mode] of [
    ['the query', 'query'],
    ['the fragment', 'fragment'],
    ['a form', 'form_post'],
  ] as const) {
    for (const [kind, parameters] of [
      ['a code', {}],
      ['an error', { prompt: 'none', max_age: '0' }],
    ] as const) {
      it(`comes with ${kind} in ${title}`, async () => {
        const { url, checks } = await authorizationRequest(party, {
          response_mode: mode,
          ...parameters,
        })
        const reply = await alice.get(url.href)
        const { search, hash } = new URL(reply.location ?? server.issuer)
        const answer =
          mode === 'form_post'
            ? reply.forms()[0]!.fields
            : new URLSearchParams(mode === 'query' ? search : hash.slice(1))
        expect(answer.get(kind === 'a code' ? 'code' : 'error')).to.be.a('string')
        expect(answer.getAll('iss')).to.deep.equal([server.issuer])
        expect(answer.getAll('state')).to.deep.equal([checks.expectedState])
      })
    }
  }
})
