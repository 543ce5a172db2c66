import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { differ, type Prepare } from '../support/medians.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { BEHIND_PROXY, fromSomewhere } from './driver.ts'

/** Whether somebody who only looks at the clock learns who has an account. */

const PASSWORD = 'seven quiet lanterns'

describe('How long an answer takes', function () {
  this.timeout(180_000)
  let server: AuthCore
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore({
      env: { ...BEHIND_PROXY, AUTHCORE_SIGN_UP: 'open', AUTHCORE_EMAIL_SIGN_IN: 'code' },
    })
    party = await relyingParty(server, await addClient(server))
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  let serial = 0
  const newAddress = () => `nobody${++serial}@example.test`

  /** The form alone is timed: its page is opened beforehand, by a browser of its own. */
  const sending =
    (step: string, fieldsOf: () => Promise<Record<string, string>>): Prepare =>
    async () => {
      const mind = browser({ headers: fromSomewhere() })
      const { url } = await authorizationRequest(party)
      const login = await mind.followAll(await mind.get(url.href), ours)
      const page = await mind.get(login.url.replace(/login$/, step))
      const fields = await fieldsOf()
      return () => mind.submit(page, fields)
    }
  const person = async () => (await addPerson(server)).email
  const withoutPassword = async () => {
    const email = newAddress()
    await createAccount(server.parts, { email, emailVerified: true })
    return email
  }

  const CASES: [
    title: string,
    step: string,
    fields: (known: boolean) => Promise<Record<string, string>>,
  ][] = [
    [
      'a wrong password and nobody',
      'login',
      async (known) => ({ login: known ? await person() : newAddress(), password: 'wrong' }),
    ],
    [
      'an account without a password and nobody',
      'login',
      async (known) => ({
        login: known ? await withoutPassword() : newAddress(),
        password: 'wrong',
      }),
    ],
    [
      'a sign-up with an address that has an account and one that has none',
      'sign_up',
      async (known) => ({ login: known ? await person() : newAddress(), password: PASSWORD }),
    ],
    [
      'a forgotten password of somebody and of nobody',
      'forgot_password',
      async (known) => ({ login: known ? await person() : newAddress() }),
    ],
    [
      'a code to sign in by for somebody and for nobody',
      'email_sign_in',
      async (known) => ({ login: known ? await person() : newAddress() }),
    ],
  ]

  for (const [title, step, fields] of CASES) {
    it(`is the same for ${title}`, async () => {
      const known = sending(step, () => fields(true))
      const unknown = sending(step, () => fields(false))
      expect(await differ([known, unknown])).to.equal(undefined)
    })
  }

  it('would tell, were it not', async () => {
    const wait = (ms: number) => async () => () => sleep(ms)
    expect(await differ([wait(5), wait(12)], { pairs: 10 })).to.have.property('differMs')
    expect(await differ([wait(8), wait(8)], { pairs: 10 })).to.equal(undefined)
  })
})
