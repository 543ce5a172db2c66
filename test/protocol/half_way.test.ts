import { expect } from 'chai'
import { endProofs } from '../../src/domain/authentication/end_proofs.ts'
import { setPassword } from '../../src/domain/credentials/password/set_password.ts'
import { createSessionEnder } from '../../src/surfaces/oidc/end_session.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { rows } from './driver.ts'

/** What somebody has begun with the password of before, when its owner takes it from them. */

const NEW_PASSWORD = 'nine patient harbours'

describe('What is half way', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let party: RelyingParty

  before(async () => {
    mail = await startSmtp()
    server = await startAuthCore({
      worker: true,
      env: { ...mail.env(), AUTHCORE_EMAIL_SIGN_IN: 'code', AUTHCORE_RISK_NEW_DEVICE: 'off' },
    })
    party = await relyingParty(server, await addClient(server))
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const openLogin = async (mind: Browser) => {
    const { url } = await authorizationRequest(party, { prompt: 'consent' })
    return await mind.followAll(await mind.get(url.href), ours)
  }
  const submit = async (
    mind: Browser,
    page: Reply,
    fields: Record<string, string>,
    button?: string,
  ) => await mind.followAll(await mind.submit(page, fields, button ? { button } : {}), ours)
  const beside = (page: Reply, step: string) => page.url.replace(/[^/]+$/, step)
  const withCode = async ({ email }: Person, subject: RegExp): Promise<string> => {
    const sent = await mail.next(email)
    return subject.test(sent.subject) ? sent.code! : await withCode({ email } as Person, subject)
  }
  const setByOperator = async ({ id }: Person, endAccess?: () => Promise<void>) => {
    const { parts } = server
    const input = { accountId: id, password: NEW_PASSWORD, by: 'operator' }
    await setPassword({ ...parts, endProofs }, endAccess ? { ...input, endAccess } : input)
  }

  const ENDS: [how: string, end: (person: Person) => Promise<void>][] = [
    [
      'a new password on the account pages, which leaves the other sessions',
      async (person) => {
        const mind = browser()
        const login = await mind.followAll(
          await mind.get(`${server.issuer}/account/security`),
          ours,
        )
        const { email, password } = person
        const page = await submit(mind, login, { login: email, password })
        const form = page.forms().find(({ action }) => action.endsWith('/security/password'))!
        const csrf = form.fields.get('csrf')!
        const done = await mind.post(
          `${server.issuer}/account/security/password`,
          { csrf, current: password, password: NEW_PASSWORD },
          { headers: { origin: server.issuer } },
        )
        expect(done.status, done.text()).to.equal(200)
      },
    ],
    ['a new password by an operator, who keeps the sessions', (person) => setByOperator(person)],
    [
      'the end of all access',
      async ({ id }) => {
        const { stores, codec, runtime, db } = server.parts
        const provider = () => runtime.provider()
        await createSessionEnder({ stores, codec, provider }).endAccess(db, id)
      },
    ],
  ]

  for (const [how, end] of ENDS) {
    describe(`ends with ${how}`, () => {
      it('a sign-in that waits for consent', async () => {
        const ada = await addPerson(server)
        const eve = browser()
        const { email: login, password } = ada
        const consent = await submit(eve, await openLogin(eve), { login, password })
        expect(stepOf(consent)).to.equal('consent')
        await end(ada)
        const after = await submit(eve, consent, {}, 'Allow')
        expect(after.location ?? '').not.to.include('code=')
        const dispatched = await eve.get(consent.url.replace(/\/consent$/, ''))
        expect(stepOf(await eve.followAll(dispatched, ours))).to.equal('login')
      })

      it('a code to sign in by, and one for a new password', async () => {
        const ada = await addPerson(server)
        const eve = browser()
        const page = await openLogin(eve)
        const ask = await eve.get(beside(page, 'email_sign_in'))
        const typing = await eve.submit(ask, { login: ada.email })
        const code = await withCode(ada, /code/i)
        await end(ada)
        expect((await eve.submit(typing, { code })).status).to.equal(422)

        const bob = await addPerson(server)
        const forgot = await eve.get(beside(await openLogin(eve), 'forgot_password'))
        const reset = await eve.submit(forgot, { login: bob.email })
        const sent = await withCode(bob, /password/i)
        await end(bob)
        const fields = { code: sent, password: 'seven quiet lanterns' }
        expect((await eve.submit(reset, fields)).status).to.equal(422)
        const left = await rows(
          server.parts.db,
          'SELECT 1 FROM one_time_code WHERE account_id = ANY($1::uuid[])',
          [[ada.id, bob.id]],
        )
        expect(left).to.deep.equal([])
      })
    })
  }

  it('serves what it was asked for and nothing else', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const page = await openLogin(mind)
    const forgot = await mind.get(beside(page, 'forgot_password'))
    const reset = await mind.submit(forgot, { login: ada.email })
    const forPassword = await withCode(ada, /password/i)
    const ask = await mind.get(beside(page, 'email_sign_in'))
    const typing = await mind.submit(ask, { login: ada.email })
    const forSignIn = await withCode(ada, /code/i)
    expect((await mind.submit(typing, { code: forPassword })).status, 'signing in').to.equal(422)
    const wrong = { code: forSignIn, password: NEW_PASSWORD }
    expect((await mind.submit(reset, wrong)).status, 'a new password').to.equal(422)
    expect(stepOf(await submit(mind, typing, { code: forSignIn }))).to.equal('consent')
  })
})
