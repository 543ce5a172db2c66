import { expect } from 'chai'
import { disableAccount, enableAccount } from '../../src/domain/accounts/block_account.ts'
import { addGuard, revoke } from '../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import * as dovecot from '../support/dovecot.ts'
import { type RelyingParty, relyingParty, signIn } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'

/** A mail server that asks us about every token it is shown: a resource server written by others. */

const MAIL = 'Subject: hello\n\nYou are Ada.\n'

/** How Dovecot asks, and under which name it then knows the person. */
type Way = {
  title: string
  mechanism: dovecot.Mechanism
  settings(server: AuthCore): Promise<string[]>
  userOf(person: Person): string
}

const WAYS: Way[] = [
  {
    title: 'that introspects tokens as the guard of an API (RFC 7662)',
    mechanism: 'XOAUTH2',
    async settings({ issuer, ...server }) {
      const { clientId, secret } = await addGuard({ issuer, ...server })
      const guard = issuer.replace('//', `//${clientId}:${secret}@`)
      return [
        `introspection_url = ${guard}/introspect`,
        'introspection_mode = post',
        'force_introspection = yes',
        'active_attribute = active',
        'active_value = true',
        'username_attribute = sub',
      ]
    },
    userOf: ({ id }) => id,
  },
  {
    title: 'that takes tokens to UserInfo',
    mechanism: 'OAUTHBEARER',
    settings: async ({ issuer }) => [
      `introspection_url = ${issuer}/userinfo`,
      'introspection_mode = auth',
      'username_attribute = email',
    ],
    userOf: ({ email }) => email,
  },
]

for (const { title, mechanism, settings, userOf } of WAYS) {
  describe(`Dovecot with ${mechanism} ${title}`, function () {
    this.timeout(120_000)
    let server: AuthCore
    let mail: dovecot.Dovecot
    let ada: Person
    let party: RelyingParty
    let client: { clientId: string; secret?: string | undefined }
    before(async function () {
      requires(this, dovecot.available())
      server = await startAuthCore()
      ada = await addPerson(server)
      client = await addClient(server, { name: 'The mail program' })
      party = await relyingParty(server, client)
      mail = await dovecot.startDovecot({
        oauth2: [...(await settings(server)), 'debug = yes'],
        mechanism,
      })
    })
    after(async () => {
      await mail?.stop()
      await server?.stop()
    })

    const newToken = async (person = ada) =>
      (await signIn(server, party, person)).tokens.access_token
    const login = (token: string, user = userOf(ada)): dovecot.MailLogin => ({
      user,
      token,
    })

    async function expectRefused(who: dovecot.MailLogin): Promise<void> {
      const answer = await mail.imap(who, 'STATUS INBOX (MESSAGES)')
      expect(answer, mail.component.output().slice(-1000)).to.include({ code: 67 })
    }

    async function expectMessages(who: dovecot.MailLogin, count: number): Promise<void> {
      const answer = await mail.imap(who, 'STATUS INBOX (MESSAGES)')
      expect(answer.code, answer.output + mail.component.output().slice(-1000)).to.equal(0)
      expect(answer.output).to.include(`MESSAGES ${count}`)
    }

    it('opens the mailbox of the person whom the token is about', async () => {
      const token = await newToken()
      const stored = await mail.store(login(token), MAIL)
      expect(stored.code, stored.output + mail.component.output().slice(-1000)).to.equal(0)
      await expectMessages(login(token), 1)
      expect(mail.component.output()).to.include(`method=${mechanism}`)
    })

    it('opens it for nobody else’s token', async () => {
      const eve = await addPerson(server)
      await expectRefused(login(await newToken(eve)))
      await expectMessages(login(await newToken(eve), userOf(eve)), 0)
    })

    it('is closed to a token that was revoked', async () => {
      const token = await newToken()
      await expectMessages(login(token), 1)
      expect((await revoke(server, client, token)).status).to.equal(200)
      await expectRefused(login(token))
    })

    it('is closed while the account is disabled', async () => {
      const token = await newToken()
      await disableAccount(server.parts, ada.id)
      await expectRefused(login(token))
      await enableAccount(server.parts, ada.id)
      await expectMessages(login(await newToken()), 1)
    })

    it('is closed to what is no token', async () => {
      for (const token of ['nonsense', 'a.b.c']) await expectRefused(login(token))
    })
  })
}
