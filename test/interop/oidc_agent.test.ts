import { expect } from 'chai'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { enterUserCode, userinfo } from '../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import * as oidcAgent from '../support/oidc_agent.ts'
import { requires } from '../support/skip.ts'

/** Tokens for the command line, in C, written by others: device flow, refresh, a public client. */

describe('oidc-agent', function () {
  this.timeout(120_000)
  let server: AuthCore
  let agent: oidcAgent.OidcAgent
  let ada: Person
  let client: oidcAgent.AgentClient
  before(async function () {
    requires(this, oidcAgent.available())
    server = await startAuthCore()
    ada = await addPerson(server)
    const { clientId } = await addClient(server, { preset: 'device', name: 'The command line' })
    client = { issuer: server.issuer, clientId, scope: 'openid profile offline_access' }
    agent = await oidcAgent.startOidcAgent()
  })
  after(async () => {
    await agent?.stop()
    await server?.stop()
  })

  /** Types the code that the agent shows, and comes to where the person signs in. */
  async function confirm(alice: Browser, userCode: string): Promise<Reply> {
    const page = await enterUserCode(server, alice, userCode)
    expect(page.text()).to.include('The command line').and.to.include(userCode)
    return await alice.followAll(await alice.submit(page, {}, { button: 'confirm' }))
  }

  async function approve(userCode: string): Promise<void> {
    const alice = browser()
    const login = await confirm(alice, userCode)
    const answer = await alice.submit(login, { login: ada.email, password: ada.password })
    const consent = await alice.followAll(answer)
    const end = await alice.followAll(await alice.submit(consent, {}, { button: 'Allow' }))
    expect(end.body, end.text()).to.include('id="device-outcome"')
  }

  const nameAtUserInfo = async (token: string) =>
    (await userinfo(server, token)).json<{ sub: string; name: string }>()

  it('has tokens for the person who confirms its code, and refreshes them', async () => {
    const flow = agent.signIn('ada', client)
    await approve(await flow.userCode())
    expect(await flow.done()).to.equal(true)
    const first = await agent.token('ada')
    expect(await nameAtUserInfo(first)).to.include({ sub: ada.id, name: 'Ada Example' })
    const second = await agent.token('ada', { force: true })
    // The refresh token has been replaced by now, and the agent has kept the new one.
    const third = await agent.token('ada', { force: true })
    expect(new Set([first, second, third])).to.have.property('size', 3)
    for (const token of [second, third]) {
      expect(await nameAtUserInfo(token)).to.include({ sub: ada.id })
    }
    await disableAccount(server.parts, ada.id)
    const refused = await agent.token('ada', { force: true }).catch((error: Error) => error)
    expect(refused).to.be.instanceOf(Error).with.property('message').that.includes('invalid_grant')
  })

  it('has none where the person does not know of it', async () => {
    const flow = agent.signIn('nobody', client)
    const alice = browser()
    const page = await enterUserCode(server, alice, await flow.userCode())
    await alice.followAll(await alice.submit(page, {}, { button: 'abort' }))
    expect(await flow.done()).to.equal(false)
  })
})
