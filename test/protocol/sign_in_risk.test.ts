import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { MULTI_FACTOR_ACR, PASSWORD_ACR } from '../../src/domain/authentication/assurance.ts'
import { generateRecoveryCodes } from '../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { listMessages } from '../../src/domain/messaging/message_store.ts'
import { collectPersonalData } from '../../src/domain/personal_data/collect_personal_data.ts'
import { deleteExpiredSignInPlaces } from '../../src/domain/sessions/sign_in_place_store.ts'
import { signInRiskOf } from '../../src/main/sign_in_risk.ts'
import { inTransaction } from '../../src/platform/persistence/db.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import type { Form } from '../support/forms.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { FRANCE, JAPAN, placeFile } from '../support/place_file.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import {
  BEHIND_PROXY,
  eventsEver,
  exchangeFields,
  expectTokens,
  post,
  rows,
  type TestClient,
} from './driver.ts'

/** A sign-in that is unusual: who is asked for what, and who is told. */

const TELL = JSON.stringify({ id_token: { acr: null, amr: null } })
const SEND = { form: ({ id }: Form) => id === 'send-form' }
const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)

for (const action of ['factor', 'notify'] as const) {
  describe(`An unusual sign-in that leads to ${action}`, function () {
    this.timeout(60_000)
    const places = placeFile()
    let mail: SmtpSink
    let server: AuthCore
    let client: TestClient
    let party: RelyingParty

    before(async () => {
      mail = await startSmtp()
      server = await startAuthCore({
        worker: true,
        env: {
          ...mail.env(),
          ...BEHIND_PROXY,
          AUTHCORE_GEO_DATABASE: places.path,
          AUTHCORE_RISK_NEW_COUNTRY: action,
          AUTHCORE_RISK_TRAVEL: action,
          AUTHCORE_RISK_VELOCITY: action,
          AUTHCORE_RISK_VELOCITY_NETWORKS: '4',
          AUTHCORE_EMAIL_SIGN_IN: 'code',
        },
      })
      client = await addClient(server, { firstParty: true })
      party = await relyingParty(server, client)
    })
    after(async () => {
      await server?.stop()
      await mail?.stop()
      places.remove()
    })

    const ours = (location: string) => !location.startsWith(server.issuer)
    const from = (ip: string) => browser({ headers: { 'x-forwarded-for': ip } })
    const open = async (mind: Browser) => {
      const { url, checks } = await authorizationRequest(party, { claims: TELL, prompt: 'login' })
      return { page: await mind.followAll(await mind.get(url.href), ours), checks }
    }
    const submit = async (mind: Browser, page: Reply, fields: Record<string, string>) =>
      await mind.followAll(await mind.submit(page, fields), ours)
    /** To what comes after the password. */
    const begin = async (mind: Browser, { email: login, password }: Person) => {
      const { page, checks } = await open(mind)
      return { page: await submit(mind, page, { login, password }), checks }
    }
    const tokensOf = async ({ page, checks }: Awaited<ReturnType<typeof begin>>) => {
      const callback = new URL(page.location!)
      const fields = exchangeFields({ callback, checks })
      return decodeJwt(expectTokens(await post(server, '/token', client, fields)).id_token!)
    }
    const isIn = ({ page }: { page: Reply }) => page.location?.includes('code=') === true
    const risksOf = async ({ id }: Person) =>
      (await eventsEver(server, 'auth.login.risk_detected'))
        .filter(({ subject }) => subject === id)
        .map(({ data }) => data)
    const mailsTo = async ({ email }: Person) => {
      const { db, keyring } = server.parts
      const all = await listMessages(db, keyring, { limit: 200 })
      return all.filter(({ recipient }) => recipient === email).map(({ kind }) => kind)
    }
    /** Somebody who signed in from France before. */
    const addKnown = async () => {
      const person = await addPerson(server)
      expect(isIn(await begin(from(FRANCE), person))).to.equal(true)
      return person
    }
    const addTotp = async ({ id }: Person) => {
      const { parts } = server
      const secret = await beginTotpEnrolment(parts, id)
      let step = -1
      const nextCode = () => {
        step += 1
        return totpCodeAt(secret, new Date(parts.clock.now().getTime() + step * 30_000))
      }
      await confirmTotpEnrolment(parts, { accountId: id, code: nextCode(), origin: {} })
      return nextCode
    }

    it('is none at the first sign-in of all, nor from where one was before', async () => {
      const ada = await addKnown()
      expect(isIn(await begin(from('81.2.69.7'), ada))).to.equal(true)
      expect(await risksOf(ada)).to.satisfy((found: { signals: string[] }[]) =>
        found.every(({ signals }) => signals.every((name) => name === 'new_device')),
      )
    })

    if (action === 'notify') {
      it('lets in, tells the owner once with the place, and the trail the country alone', async () => {
        const ada = await addKnown()
        const before = from(JAPAN)
        const begun = await begin(before, ada)
        expect(await tokensOf(begun)).to.deep.include({ acr: PASSWORD_ACR, amr: ['pwd'] })
        const told = await mail.next(ada.email)
        expect(told.subject).to.equal('Unusual sign-in to your AuthCore account')
        expect(told.text)
          .to.include('too far')
          .and.to.match(/near .*Tokyo, Japan/)
        expect(await mailsTo(ada)).to.deep.equal(['unusual_sign_in'])
        const [risk, ...others] = await risksOf(ada)
        expect(others).to.deep.equal([])
        expect(risk).to.deep.include({
          signals: ['travel', 'new_country', 'new_device'],
          result: 'notified',
          country: 'JP',
        })
        expect(JSON.stringify(risk)).not.to.match(/latitude|longitude|35\.7|Tokyo/)
        expect(await server.parts.metrics.scrape()).to.match(
          /authcore_sign_in_risks_total\{signal="travel",result="notified"\} [1-9]/,
        )
      })

      it('counts networks, refused passwords among them, and of nobody nothing', async () => {
        const ada = await addKnown()
        for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
          const wrong = await begin(from(ip), { ...ada, password: 'wrong' })
          expect(wrong.page.status).to.equal(422)
          await begin(from(ip), { ...ada, email: 'nobody@example.test' })
        }
        await begin(from('10.0.0.1'), ada)
        expect((await risksOf(ada)).at(-1)?.['signals']).to.include('velocity')
        const placed = await rows(
          server.parts.db,
          'SELECT 1 FROM sign_in_place WHERE account_id = $1',
          [ada.id],
        )
        expect(placed).to.have.length(4)
      })

      it('is remembered as long as it tells anything, in the file of its owner too', async () => {
        const ada = await addKnown()
        const { db, keyring } = server.parts
        const collect = (now: Date) =>
          inTransaction(db, (tx) => collectPersonalData(tx, { accountId: ada.id, keyring, now }))
        const { sign_in_places } = await collect(new Date())
        expect(sign_in_places).to.have.length(1)
        expect(sign_in_places[0]).to.include({ country: 'FR' })
        const later = new Date(Date.now() + 91 * 86_400_000)
        expect((await collect(later)).sign_in_places).to.deep.equal([])
        await rows(db, `UPDATE sign_in_place SET expires_at = now() WHERE account_id = $1`, [
          ada.id,
        ])
        const soon = new Date(Date.now() + 1_000)
        expect(await deleteExpiredSignInPlaces(db, { now: soon, limit: 100 })).to.equal(1)
      })
      return
    }

    it('asks for a second factor, past a trusted browser', async () => {
      const ada = await addPerson(server)
      const nextCode = await addTotp(ada)
      const headers = { 'x-forwarded-for': FRANCE }
      const mind = browser({ headers })
      const first = await begin(mind, ada)
      expect(stepOf(first.page)).to.equal('second_factor')
      await submit(mind, first.page, { code: nextCode(), trust: 'yes' })
      expect(isIn(await begin(mind, ada)), 'trusted').to.equal(true)
      headers['x-forwarded-for'] = JAPAN
      const asked = await begin(mind, ada)
      expect(stepOf(asked.page)).to.equal('second_factor')
      const [spare] = await generateRecoveryCodes(server.parts, ada.id, {})
      const onPaper = await mind.get(`${asked.page.url}?method=recovery_code`)
      const page = await submit(mind, onPaper, { code: spare! })
      expect(await tokensOf({ ...asked, page })).to.include({ acr: MULTI_FACTOR_ACR })
      expect((await risksOf(ada)).at(-1)).to.deep.include({
        signals: ['travel', 'new_country'],
        result: 'factor_asked',
      })
    })

    it('asks for a code from the mailbox where there is none, which proves nothing else', async () => {
      const ada = await addKnown()
      const mind = from(JAPAN)
      const asked = await begin(mind, ada)
      expect(stepOf(asked.page)).to.equal('confirm_sign_in')
      expect(asked.page.text())
        .to.match(/send a code to .*…/)
        .and.not.to.include(ada.email)
      expect(await mailsTo(ada), 'nothing is sent by looking').to.deep.equal([])
      const sent = await mind.submit(asked.page, {}, SEND)
      const { code } = await mail.next(ada.email)
      const wrong = await mind.submit(sent, { code: '0000-0000' })
      expect(wrong.status).to.equal(422)
      expect((await eventsEver(server, 'auth.login.failed')).at(-1)?.data).to.deep.include({
        accountId: ada.id,
        reason: 'wrong_confirmation_code',
        proven: ['password'],
      })
      const elsewhere = from(JAPAN)
      const other = await begin(elsewhere, ada)
      const foreign = await elsewhere.submit(await elsewhere.submit(other.page, {}, SEND), {
        code: code!,
      })
      expect(foreign.status, 'the code of another sign-in').to.equal(422)
      const again = await mind.submit(wrong, {}, SEND)
      await mail.next(ada.email)
      const { code: last } = await mail.next(ada.email)
      const page = await submit(mind, again, { code: last! })
      expect(await tokensOf({ ...asked, page })).to.deep.include({
        acr: PASSWORD_ACR,
        amr: ['pwd'],
      })
      expect((await mail.next(ada.email)).subject).to.include('Unusual sign-in')
    })

    it('opens no other step before that code', async () => {
      const ada = await addKnown()
      const mind = from(JAPAN)
      const { page } = await begin(mind, ada)
      for (const step of ['enrol_factor', 'second_factor', 'consent', 'accept_terms', '']) {
        const tried = await mind.followAll(
          await mind.get(page.url.replace(/confirm_sign_in$/, step).replace(/\/$/, '')),
          ours,
        )
        expect(stepOf(tried), step).to.equal('confirm_sign_in')
      }
    })

    it('lets in whoever has shown the mailbox already, and tells them', async () => {
      const ada = await addKnown()
      const mind = from(JAPAN)
      const { page: login } = await open(mind)
      const ask = await mind.get(login.url.replace(/login$/, 'email_sign_in'))
      const typed = await mind.submit(ask, { login: ada.email })
      const { code } = await mail.next(ada.email)
      expect(isIn({ page: await submit(mind, typed, { code: code! }) })).to.equal(true)
      expect((await risksOf(ada)).at(-1)).to.include({ result: 'let_in' })
      expect((await mail.next(ada.email)).subject).to.include('Unusual sign-in')
    })

    it('lets in whoever has neither: nobody ends at a closed door', async () => {
      const ada = await addKnown()
      await rows(server.parts.db, 'UPDATE account SET email_verified = false WHERE id = $1', [
        ada.id,
      ])
      expect(isIn(await begin(from(JAPAN), ada))).to.equal(true)
      expect((await risksOf(ada)).at(-1)).to.include({ result: 'let_in' })
    })

    it('is met by a passkey that verified its owner, not by one that was touched only', async () => {
      const ada = await addKnown()
      const risk = signInRiskOf(server.parts)!
      const found = async (method: 'device_passkey' | 'security_key') => {
        const input = { accountId: ada.id, clientId: client.clientId, method, knownDevice: true }
        const assessed = await risk.assess(server.parts.db, { ...input, origin: { ip: JAPAN } })
        return { ...assessed?.event.data, ...assessed?.risk }
      }
      expect(await found('device_passkey')).to.include({ asks: 'none', result: 'already_met' })
      expect(await found('security_key')).to.include({ asks: 'mailbox' })
    })
  })
}

describe('Sign-ins that nobody looks at', function () {
  this.timeout(60_000)

  it('are those of a server with nothing but the defaults: no row, no event', async () => {
    const server = await startAuthCore()
    try {
      expect(signInRiskOf(server.parts)).to.equal(undefined)
      const ada = await addPerson(server)
      const party = await relyingParty(server, await addClient(server))
      for (let visit = 0; visit < 2; visit += 1) {
        const mind = browser()
        const { url } = await authorizationRequest(party)
        await goThrough(mind, await mind.get(url.href), ada, server.issuer)
      }
      expect(await rows(server.parts.db, 'SELECT 1 FROM sign_in_place')).to.deep.equal([])
      expect(await eventsEver(server, 'auth.login.risk_detected')).to.deep.equal([])
    } finally {
      await server.stop()
    }
  })
})
