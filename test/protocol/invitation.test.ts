import { expect } from 'chai'
import { findAccountByIdentifier } from '../../src/domain/accounts/account_store.ts'
import { issueInvitation, revokeInvitation } from '../../src/domain/accounts/invitation.ts'
import { collectPersonalData } from '../../src/domain/personal_data/collect_personal_data.ts'
import { inTransaction, query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { textOf } from '../support/forms.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { eventsEver, rows } from './driver.ts'

const PASSWORD = 'seven quiet lanterns'
const DAY_S = 86_400

for (const signUp of ['closed', 'invite', 'open']) {
  describe(`Invitations where AUTHCORE_SIGN_UP is ${signUp}`, function () {
    this.timeout(60_000)
    let mail: SmtpSink
    let server: AuthCore
    let party: RelyingParty
    let people = 0

    before(async () => {
      mail = await startSmtp()
      server = await startAuthCore({
        worker: true,
        env: {
          ...mail.env(),
          AUTHCORE_SIGN_UP: signUp,
          AUTHCORE_SIGN_UP_DOMAINS: 'members.example',
        },
      })
      party = await relyingParty(server, await addClient(server))
    })
    after(async () => {
      await server?.stop()
      await mail?.stop()
    })

    const ours = (location: string) => !location.startsWith(server.issuer)
    const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
    const newAddress = () => `invited${++people}@example.test`
    const issue = (email?: string) =>
      issueInvitation(server.parts, { email, lifeS: DAY_S, by: 'test' })
    const openLink = (mind: Browser, token: string) =>
      mind.get(`${server.issuer}/invitation?link=${token}`)
    const submit = async (mind: Browser, page: Reply, fields: Record<string, string> = {}) =>
      await mind.followAll(await mind.submit(page, fields), ours)
    const accept = async (mind: Browser, token: string) =>
      await submit(mind, await openLink(mind, token))
    const codeTo = async (email: string) => (await mail.next(email)).code!
    const collect = (accountId: string) =>
      inTransaction(server.parts.db, (tx) =>
        collectPersonalData(tx, { accountId, keyring: server.parts.keyring, now: new Date() }),
      )
    const accountOf = (canonical: string) =>
      findAccountByIdentifier(server.parts.db, { kind: 'email', canonical })

    it('leads to the sign-up with the address fixed, and is used up by the account', async () => {
      const email = newAddress()
      const written = email.replace('invited', 'Invited')
      const { token, invitation } = await issue(written)
      const mind = browser()
      const page = await accept(mind, token)
      expect(stepOf(page)).to.equal('sign_up')
      expect(page.body).to.include(`value="${written}" readonly`)
      const verify = await submit(mind, page, { login: 'other@example.test', password: PASSWORD })
      expect(stepOf(verify)).to.equal('verify_email')
      expect(await accountOf(email), 'before the code').to.equal(undefined)
      await submit(mind, verify, { code: await codeTo(written) })
      const account = await accountOf(email)
      expect(account).to.deep.include({ emailVerified: true, status: 'active' })
      expect(await accountOf('other@example.test')).to.equal(undefined)
      const [row] = await rows(server.parts.db, 'SELECT used_by FROM invitation WHERE id = $1', [
        invitation.id,
      ])
      expect(row).to.deep.equal({ used_by: account!.id })
      const file = await collect(account!.id)
      expect(file.invitation).to.include({ email: written, created_by: 'test' })
      const [event] = await eventsEver(server, 'auth.invitation.accepted')
      expect(event).to.deep.include({ subject: account!.id })
      expect((await accept(browser(), token)).status, 'a second time').to.equal(422)
    })

    it('leaves the address open where it names none, whatever domains may sign up', async () => {
      const { token } = await issue()
      const mind = browser()
      const email = newAddress()
      const page = await accept(mind, token)
      expect(page.body).not.to.include('readonly')
      const verify = await submit(mind, page, { login: email, password: PASSWORD })
      await submit(mind, verify, { code: await codeTo(email) })
      expect((await accountOf(email))?.emailVerified).to.equal(true)
    })

    it('is not used up by whoever opens the link', async () => {
      const { token, invitation } = await issue(newAddress())
      for (let n = 0; n < 3; n++) {
        const seen = await openLink(browser(), token)
        expect(seen.status).to.equal(200)
        expect(seen.headers['set-cookie'] ?? []).to.deep.equal([])
      }
      const [row] = await rows(server.parts.db, 'SELECT used_at FROM invitation WHERE id = $1', [
        invitation.id,
      ])
      expect(row).to.deep.equal({ used_at: null })
    })

    it('answers what was used, revoked, is over or never was with one page', async () => {
      const revoked = await issue()
      await revokeInvitation(server.parts, { id: revoked.invitation.id, by: 'test' })
      const expired = await issue()
      const used = await issue()
      await query(server.parts.db, 'UPDATE invitation SET expires_at = now() WHERE id = $1', [
        expired.invitation.id,
      ])
      await query(server.parts.db, 'UPDATE invitation SET used_at = now() WHERE id = $1', [
        used.invitation.id,
      ])
      const texts = new Set<string>()
      for (const token of [revoked.token, expired.token, used.token, 'x'.repeat(43), 'ü', '']) {
        const over = await accept(browser(), encodeURIComponent(token))
        expect(over.status).to.equal(422)
        texts.add(textOf(over.body))
      }
      expect([...texts]).to.have.length(1)
      expect([...texts][0]).to.include('ask whoever invited you')
      const refused = await eventsEver(server, 'auth.invitation.refused')
      const reasons = refused.map((event) => event.data['reason'])
      expect(reasons).to.include.members(['revoked', 'expired', 'used', 'unknown'])
    })

    it('makes one account of twenty that come with it at once', async () => {
      const { token } = await issue()
      const before = await rows(server.parts.db, 'SELECT id FROM account', [])
      const ready = []
      for (let n = 0; n < 20; n++) {
        // Each from an address of its own, so that no limit is what refuses them.
        const mind = browser({ headers: { 'x-forwarded-for': `198.51.100.${n + 1}` } })
        const email = newAddress()
        const page = await accept(mind, token)
        const verify = await submit(mind, page, { login: email, password: PASSWORD })
        ready.push({ mind, verify, code: await codeTo(email) })
      }
      const replies = await Promise.all(
        ready.map(({ mind, verify, code }) => mind.submit(verify, { code })),
      )
      const over = replies.filter(({ body }) => body.includes('id="invitation-over"'))
      expect(over).to.have.length(19)
      const after = await rows(server.parts.db, 'SELECT id FROM account', [])
      expect(after.length - before.length).to.equal(1)
    })

    it('ends at the sign-up where it was withdrawn meanwhile', async () => {
      const { token, invitation } = await issue()
      const mind = browser()
      const email = newAddress()
      const verify = await submit(mind, await accept(mind, token), {
        login: email,
        password: PASSWORD,
      })
      await revokeInvitation(server.parts, { id: invitation.id, by: 'test' })
      const over = await mind.submit(verify, { code: await codeTo(email) })
      expect(over.body).to.include('id="invitation-over"')
      expect(await accountOf(email)).to.equal(undefined)
    })

    it('is what newcomers are told of where accounts are made by invitation only', async () => {
      const mind = browser()
      const { url } = await authorizationRequest(party)
      const login = await mind.followAll(await mind.get(url.href), ours)
      expect(stepOf(login)).to.equal('login')
      expect(login.body.includes('id="by-invitation"')).to.equal(signUp === 'invite')
      const page = await mind.followAll(
        await mind.get(login.url.replace(/login$/, 'sign_up')),
        ours,
      )
      expect(stepOf(page)).to.equal(signUp === 'open' ? 'sign_up' : 'login')
    })

    it('keeps no token and no second account of one address', async () => {
      const email = newAddress()
      const { token } = await issue(email)
      const stored = await rows(server.parts.db, 'SELECT token_hash FROM invitation', [])
      expect(JSON.stringify(stored)).not.to.include(token)
      const mind = browser()
      const verify = await submit(mind, await accept(mind, token), { password: PASSWORD })
      await submit(mind, verify, { code: await codeTo(email) })
      const refusal = await issue(email).catch((error: { code?: string }) => error)
      expect(refusal).to.include({ code: 'conflict' })
    })
  })
}
