import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import type { Browser } from '../support/http.ts'
import { browser } from '../support/http.ts'
import { authorize, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import {
  answerAt,
  authorizationUri,
  exchangeFields,
  expectError,
  expectTokens,
  post,
  type TestClient,
} from './driver.ts'

describe('PKCE (RFC 7636)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server)
    party = await relyingParty(server, client)
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())

  describe('at the authorization endpoint', () => {
    const S256 = 'S256'
    const good = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    const REFUSED: [string, Record<string, string | undefined>][] = [
      ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
      ['no challenge but a method', { code_challenge: undefined }],
      ['no method, which means plain', { code_challenge: good, code_challenge_method: undefined }],
      ['the method plain', { code_challenge: good, code_challenge_method: 'plain' }],
      ['the method s256', { code_challenge: good, code_challenge_method: 's256' }],
      ['a challenge of 10 characters', { code_challenge: 'abcdefghij' }],
      ['a challenge of 200 characters', { code_challenge: 'a'.repeat(200) }],
      ['a challenge with other characters', { code_challenge: `${good.slice(0, -1)}!` }],
      ['an empty challenge', { code_challenge: '' }],
    ]
    for (const [title, parameters] of REFUSED) {
      it(`refuses ${title}`, async () => {
        for (const who of [client, await addClient(server, { preset: 'spa' })]) {
          const uri = await authorizationUri(server, who, {
            code_challenge_method: S256,
            ...parameters,
          })
          const answer = answerAt(await alice.get(uri))
          expect(answer.get('error')).to.equal('invalid_request')
          expect(answer.get('code')).to.equal(null)
          expect(answer.get('state')).to.equal('state of the client')
        }
      })
    }

    it('says in discovery that S256 is the only method', async () => {
      const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
      expect(reply.json()).to.deep.include({ code_challenge_methods_supported: ['S256'] })
    })
  })

  describe('at the token endpoint', () => {
    const fieldsOf = async () => exchangeFields(await authorize(server, party, ada, { alice }))

    for (const [title, verifier, error] of [
      ['none', undefined, 'invalid_grant'],
      ['an empty one', '', 'invalid_grant'],
      ['another one', 'x'.repeat(43), 'invalid_grant'],
      ['one of 42 characters', 'x'.repeat(42), 'invalid_request'],
      ['one of 129 characters', 'x'.repeat(129), 'invalid_request'],
      ['one with other characters', `${'x'.repeat(42)}!`, 'invalid_request'],
    ] as const) {
      it(`refuses ${title}, and the honest one still works`, async () => {
        const { code_verifier, ...fields } = await fieldsOf()
        const tried = verifier === undefined ? fields : { ...fields, code_verifier: verifier }
        expectError(await post(server, '/token', client, tried), 400, error)
        expectTokens(await post(server, '/token', client, { ...fields, code_verifier }))
      })
    }

    it('refuses the verifier of another request', async () => {
      const [one, other] = [await fieldsOf(), await fieldsOf()]
      const mixed = { ...one, code_verifier: other.code_verifier }
      expectError(await post(server, '/token', client, mixed), 400, 'invalid_grant')
    })

    it('refuses the challenge itself as the verifier', async () => {
      const { callback, checks } = await authorize(server, party, ada, { alice })
      const { sha256 } = await import('../../src/core/secrets.ts')
      const challenge = sha256(String(checks.pkceCodeVerifier)).toString('base64url')
      const fields = { ...exchangeFields({ callback, checks }), code_verifier: challenge }
      expectError(await post(server, '/token', client, fields), 400, 'invalid_grant')
    })
  })
})
