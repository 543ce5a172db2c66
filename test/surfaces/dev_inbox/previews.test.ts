import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { KINDS, type KindDefinition } from '../../../src/domain/messaging/kinds.ts'
import { type AuthCore, startAuthCore } from '../../support/authcore.ts'

describe('The previews of messages', function () {
  this.timeout(30_000)
  let server: AuthCore
  let words: string
  before(async () => {
    words = mkdtempSync(path.join(tmpdir(), 'authcore-words-'))
    writeFileSync(path.join(words, 'magic_link.en.subject'), 'Your way into {{brand}} <b>')
    server = await startAuthCore({ env: { AUTHCORE_MESSAGE_TEMPLATES: words } })
  })
  after(async () => {
    await server?.stop()
    rmSync(words, { recursive: true, force: true })
  })

  const get = (at: string) => fetch(`${server.issuer}/dev/messages${at}`)
  const text = async (at: string) => (await get(at)).text()

  it('are linked from the inbox, and list every kind', async () => {
    const inbox = await (await fetch(`${server.issuer}/dev/inbox`)).text()
    expect(inbox).to.contain('href="/dev/messages"')
    const list = await text('')
    for (const kind of Object.keys(KINDS)) {
      expect(list).to.contain(`href="/dev/messages/${kind}"`)
    }
  })

  it('are there for each kind by each of its channels, in each language', async () => {
    for (const [kind, { channels }] of Object.entries(KINDS as Record<string, KindDefinition>)) {
      expect((await get(`/${kind}`)).status, kind).to.equal(200)
      for (const channel of channels) {
        const response = await get(`/${kind}/${channel}/ar`)
        expect(response.status, `${kind} ${channel}`).to.equal(200)
        expect(await response.text()).to.match(/id="message-text" lang="ar"/)
      }
    }
  })

  it('use the words of the deployment, in the language that has them', async () => {
    expect(await text('/magic_link/email/en')).to.contain('Your way into AuthCore &lt;b&gt;')
    expect(await text('/magic_link/email/de')).not.to.contain('Your way into')
  })

  it('show the HTML part in a frame without rights, which only our pages may have', async () => {
    const page = await get('/new_device/email/en')
    expect(page.headers.get('content-security-policy')).to.contain("frame-src 'self'")
    expect(await page.text()).to.match(
      /<iframe [^>]*src="\/dev\/messages\/new_device\/email\/en\/html" sandbox="allow-popups /,
    )
    const part = await get('/new_device/email/en/html')
    const policy = part.headers.get('content-security-policy')
    expect(policy).to.contain("default-src 'none'").and.to.contain("frame-ancestors 'self'")
    expect(policy).to.match(/; sandbox (?!.*allow-(scripts|same-origin))/)
    expect(await part.text()).to.contain('Firefox, Linux')
    expect(await text('/new_device/sms/en')).not.to.contain('<iframe')
  })

  it('are not there for anything else', async () => {
    for (const at of [
      '/constructor',
      '/verify_phone/email/en',
      '/magic_link/email/xx',
      '/new_device/sms/en/html',
    ]) {
      expect((await get(at)).status, at).to.equal(404)
    }
    expect((await fetch(`${server.issuer}/dev/messages`, { method: 'POST' })).status).to.equal(404)
  })
})
