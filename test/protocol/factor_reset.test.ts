import { expect } from 'chai'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
import { issueFactorReset } from '../../src/domain/authentication/reset_factors.ts'
import { listSecondFactors } from '../../src/domain/credentials/factor_store.ts'
import { generateRecoveryCodes } from '../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { trustDevice } from '../../src/domain/sessions/trusted_device.ts'
import { listTrustedDevices } from '../../src/domain/sessions/trusted_device_store.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import {
  authorizationRequest,
  type RelyingParty,
  relyingParty,
  signIn,
} from '../support/relying_party.ts'
import { eventsOf, refresh, type TestClient } from './driver.ts'

describe('A link for whoever lost their second factor', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const protect = async ({ id: accountId }: Person) => {
    const { parts } = server
    const secret = await beginTotpEnrolment(parts, accountId)
    const code = totpCodeAt(secret, parts.clock.now())
    await confirmTotpEnrolment(parts, { accountId, code, origin: {} })
    await generateRecoveryCodes(parts, accountId, {})
    await trustDevice(parts, { accountId, days: 30, origin: {} })
  }
  const issue = async ({ id: accountId }: Person, ttlS = 3600) =>
    `${server.issuer}/reset_factors?link=${
      (await issueFactorReset(server.parts, { accountId, ttlS, by: 'cli' })).link
    }`
  const factorsOf = ({ id }: Person) =>
    listSecondFactors({ db: server.parts.db, smsFactor: 'off' }, id)
  const afterPassword = async ({ email: login, password }: Person) => {
    const mind = browser()
    const { url } = await authorizationRequest(party)
    const page = await mind.followAll(await mind.get(url.href))
    return await mind.followAll(await mind.submit(page, { login, password }))
  }

  it('takes every factor away, ends what was opened, and asks for the password as ever', async () => {
    const ada = await addPerson(server)
    const { tokens } = await signIn(server, party, ada, {
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    await protect(ada)
    const uri = await issue(ada)
    expect((await afterPassword(ada)).url).to.match(/second_factor$/)
    const mind = browser()
    const page = await mind.get(uri)
    expect(await factorsOf(ada), 'opened only').to.have.length(2)
    const done = await mind.submit(page)
    expect(done.text()).to.include('They are gone')
    expect(await factorsOf(ada)).to.deep.equal([])
    const now = server.parts.clock.now()
    expect(await listTrustedDevices(server.parts.db, { accountId: ada.id, now })).to.deep.equal([])
    expect((await refresh(server, client, tokens.refresh_token!)).status).to.equal(400)
    expect((await afterPassword(ada)).url).not.to.match(/second_factor$/)
    const own = (await eventsOf(server)).filter(({ subject }) => subject === ada.id)
    const removed = own.filter(({ type }) => type === 'auth.factor.removed')
    expect(removed.map(({ data }) => (data as { factor: string }).factor)).to.have.members([
      'totp',
      'recovery_code',
    ])
    expect(own.filter(({ type }) => type === 'auth.factor.reset_issued')).to.have.length(1)
  })

  it('works once, also of ten at the same time, and only the newest', async () => {
    const ada = await addPerson(server)
    await protect(ada)
    const old = await issue(ada)
    const uri = await issue(ada)
    const stale = browser()
    expect((await stale.submit(await stale.get(old))).status).to.equal(422)
    expect(await factorsOf(ada)).to.have.length(2)
    const replies = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const mind = browser()
        return await mind.submit(await mind.get(uri))
      }),
    )
    expect(replies.filter(({ status }) => status === 200)).to.have.length(1)
    const refused = await eventsOf(server, 'auth.factor.reset_refused')
    expect(refused.length).to.be.at.least(10)
  })

  it('is nothing after its time, with another one’s form, or made up', async () => {
    const ada = await addPerson(server)
    await protect(ada)
    const uri = await issue(ada, 0)
    const mind = browser()
    expect((await mind.submit(await mind.get(uri))).status).to.equal(422)
    const page = await mind.get(await issue(ada))
    const forged = await mind.submit(page, { link: 'made-up' })
    expect(forged.status).to.equal(403)
    const nothing = await mind.submit(await mind.get(`${server.issuer}/reset_factors`))
    expect(nothing.status).to.be.oneOf([400, 422])
    expect(await factorsOf(ada)).to.have.length(2)
  })

  it('is for accounts with a password only', async () => {
    const { id: accountId } = await createAccount(server.parts, { username: 'keyless' })
    const error = await issueFactorReset(server.parts, { accountId, ttlS: 60, by: 'cli' }).catch(
      (refusal) => refusal,
    )
    expect(error).to.include({ code: 'invalid_input' })
  })
})
