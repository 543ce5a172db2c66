import { expect } from 'chai'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { textOf } from '../support/forms.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { type SmsSink, startSms } from '../support/sms.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { eventsEver, rows } from './driver.ts'

/** What a flood of codes by SMS costs is bounded for the deployment as a whole. */

const PASSWORD = 'seven quiet lanterns'

describe('AUTHCORE_SMS_DAILY_LIMIT', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let sms: SmsSink
  let server: AuthCore
  let party: RelyingParty

  before(async () => {
    mail = await startSmtp()
    sms = await startSms()
    const env = {
      ...mail.env(),
      ...sms.env(),
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_SIGN_UP_BY: 'email_or_phone',
      AUTHCORE_SMS_DAILY_LIMIT: '1',
    }
    server = await startAuthCore({ worker: true, env })
    party = await relyingParty(server, await addClient(server))
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
    sms?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const begin = async (mind: Browser, login: string): Promise<Reply> => {
    const { url } = await authorizationRequest(party)
    const page = await mind.followAll(await mind.get(url.href), ours)
    const signUp = await mind.get(page.url.replace(/login$/, 'sign_up'))
    return await mind.followAll(await mind.submit(signUp, { login, password: PASSWORD }), ours)
  }
  const settled = async (number: string) => {
    for (;;) {
      const [row] = await rows<{ state: string; failure: string | null }>(
        server.parts.db,
        'SELECT state, failure FROM message WHERE recipient = $1',
        [number],
      )
      if (row && !['queued', 'sending'].includes(row.state)) return row
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  it('is told to nobody who asks for a code, and leaves mail alone', async () => {
    const [first, second] = ['+491712340001', '+491712340002']
    const sent = await begin(browser(), first)
    expect((await sms.next(first, 'verify_phone')).code).to.be.a('string')
    const kept = await begin(browser(), second)
    expect(kept.status).to.equal(sent.status).and.to.equal(200)
    expect(textOf(kept.body).replaceAll(second, 'NUMBER')).to.equal(
      textOf(sent.body).replaceAll(first, 'NUMBER'),
    )
    expect(await settled(second)).to.deep.equal({ state: 'failed', failure: 'sms_daily_limit' })
    expect(sms.received.map(({ to }) => to)).to.deep.equal([first])
    const capped = (await eventsEver(server, 'auth.message.capped')) as unknown as {
      data: object
    }[]
    expect(capped.map(({ data }) => data)).to.have.length(1)
    expect(capped[0]!.data).to.include({ channel: 'sms', reason: 'sms_daily_limit' })
    await begin(browser(), 'grace@example.test')
    expect((await mail.next('grace@example.test')).code).to.be.a('string')
  })
})
