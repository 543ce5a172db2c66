import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { issueCertificate } from '../support/certificates.ts'
import { browser } from '../support/http.ts'
import { type ListeningApp, listenTo } from './listening_app.ts'

describe('web/tls_listener', () => {
  const root = issueCertificate({ ca: true, subject: [['CN', 'Root']] })
  const own = () => issueCertificate({ by: root, altNames: [['ip', '127.0.0.1']] })
  let running: ListeningApp

  before(async () => {
    const { cert, key } = own()
    running = await listenTo(
      (app) => {
        app.use((ctx) => {
          const { certificate, verified } = ctx.state.clientCertificate ?? {}
          ctx.body = { subject: certificate?.subject, verified, href: ctx.href }
        })
      },
      { clientCertificates: { paths: new Set(['/']) } },
      { tls: { cert, key, ca: root.cert } },
    )
  })
  after(() => running.server.stop())

  const client = (certificate?: ReturnType<typeof issueCertificate>) =>
    browser({ base: `https://127.0.0.1:${running.port}`, ca: root.cert, certificate })

  it('goes on without a certificate, and tells a verified one from others', async () => {
    const href = 'https://login.example.com/'
    expect((await client().get('/')).json()).to.deep.equal({ href })
    const mine = issueCertificate({ subject: [['CN', 'me']] })
    expect((await client(mine).get('/')).json()).to.include({ subject: 'CN=me', verified: false })
    const issued = issueCertificate({ subject: [['CN', 'me']], by: root })
    expect((await client(issued).get('/')).json()).to.include({ subject: 'CN=me', verified: true })
  })

  async function handshake(certificate: ReturnType<typeof issueCertificate>): Promise<TLSSocket> {
    const { cert, key } = certificate
    const { port } = running
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: root.cert,
      cert,
      key,
      maxVersion: 'TLSv1.2',
    })
    await once(socket, 'secureConnect')
    return socket
  }

  it('lets nobody change the certificate of a connection by a second handshake', async () => {
    const socket = await handshake(issueCertificate({ by: root }))
    const error = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve)
      socket.renegotiate({}, resolve)
    })
    expect(error).to.be.instanceOf(Error)
    socket.destroy()
  })

  it('gives no session to resume, so that every connection proves its key', async () => {
    const socket = await handshake(issueCertificate({ by: root }))
    expect(socket.getTLSTicket()).to.equal(undefined)
    const session = socket.getSession()
    socket.destroy()
    const { port } = running
    const again = connect({
      port,
      host: '127.0.0.1',
      ca: root.cert,
      session,
      maxVersion: 'TLSv1.2',
    })
    await once(again, 'secureConnect')
    expect(again.isSessionReused()).to.equal(false)
    again.destroy()
  })

  it('closes on what is no handshake, without a word', async () => {
    const socket = connectPlain(running.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'),
    )
    let answer = ''
    socket.setEncoding('latin1').on('data', (part) => {
      answer += part
    })
    await once(socket, 'close')
    expect(answer).not.to.include('HTTP')
    expect((await client().get('/')).status).to.equal(200)
  })

  it('uses a new certificate from the next connection on', async () => {
    const other = issueCertificate({ ca: true, subject: [['CN', 'Other root']] })
    const next = issueCertificate({ by: other, altNames: [['ip', '127.0.0.1']] })
    running.server.renewTls({ cert: next.cert, key: next.key, ca: root.cert })
    const failed = await client()
      .get('/')
      .catch((error) => error)
    expect(failed).to.be.instanceOf(Error)
    const trusting = browser({ base: `https://127.0.0.1:${running.port}`, ca: other.cert })
    expect((await trusting.get('/')).status).to.equal(200)
  })
})
