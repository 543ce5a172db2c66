import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { listMessages } from '../../../src/domain/messaging/message_store.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../../support/authcore.ts'
import { type Browser, browser } from '../../support/http.ts'
import { cityRecord, makeMmdb } from '../../support/mmdb.ts'

const LYON = '81.2.69.142'

describe('The place of a sign-in', function () {
  this.timeout(60_000)
  let dir: string
  let server: AuthCore

  before(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'authcore-places-'))
    const file = path.join(dir, 'places.mmdb')
    const lyon = cityRecord({ country: 'FR', city: { en: 'Lyon' }, at: [45.75, 4.85] })
    writeFileSync(file, makeMmdb({ '81.2.69.0/24': lyon }))
    server = await startAuthCore({
      worker: true,
      env: { AUTHCORE_GEO_DATABASE: file, AUTHCORE_TRUSTED_PROXIES: '127.0.0.1' },
    })
  })
  after(async () => {
    await server?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  const from = (ip: string, language = 'en') =>
    browser({ headers: { 'x-forwarded-for': ip, 'accept-language': language } })
  const ours = (location: string) => !location.startsWith(server.issuer)
  const visit = async (mind: Browser, page = 'sessions') =>
    await mind.followAll(await mind.get(`${server.issuer}/account/${page}`), ours)
  const arrive = async ({ email: login, password }: Person, mind: Browser) =>
    await mind.followAll(await mind.submit(await visit(mind), { login, password }), ours)

  it('is told among the sessions and the activity, in the language of the reader', async () => {
    const ada = await addPerson(server)
    const mind = from(LYON, 'de')
    expect((await arrive(ada, mind)).text()).to.match(
      /Von 81\.2\.69\.142 ?, ungefähr Lyon, Frankreich/,
    )
    await eventually(async () =>
      expect((await visit(mind, 'activity')).text()).to.include('Lyon, Frankreich'),
    )
  })

  it('is not told of a private address', async () => {
    const text = (await arrive(await addPerson(server), from('10.1.2.3'))).text()
    expect(text).to.include('From 10.1.2.3').and.not.to.include('about')
  })

  it('stands in the mail about a new device, in the language of the account', async () => {
    const ada = await addPerson(server, { claims: { locale: 'fr' } })
    await arrive(ada, from(LYON))
    await arrive(ada, from(LYON))
    await eventually(async () => {
      const messages = await listMessages(server.parts.db, server.parts.keyring, { limit: 50 })
      const [mail] = messages.filter(({ recipient }) => recipient === ada.email)
      expect(mail).to.have.property('kind', 'new_device')
      expect(mail!.fields).to.have.property('place', 'Lyon, France')
    })
  })
})

/** The trail and the mails are written by and by. */
async function eventually(check: () => Promise<unknown>): Promise<void> {
  for (const until = Date.now() + 15_000; ; await new Promise((go) => setTimeout(go, 100))) {
    try {
      await check()
      return
    } catch (error) {
      if (Date.now() > until) throw error
    }
  }
}
