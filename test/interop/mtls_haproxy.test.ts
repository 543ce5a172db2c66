import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { API, addApi, addClient } from '../support/authcore.ts'
import { type Issued, issueCertificate } from '../support/certificates.ts'
import {
  accepts,
  type Component,
  findProgram,
  startComponent,
  untilReady,
} from '../support/component.ts'
import { freePort } from '../support/free_port.ts'
import { available } from '../support/haproxy.ts'
import { browser } from '../support/http.ts'
import { temporaryFolder } from '../support/leash.ts'
import { clientCert, type MutualTls, startWithMutualTls } from '../support/mtls.ts'
import { requires } from '../support/skip.ts'

/** haproxy as docs/OPERATIONS.md has it for client certificates. */

describe('HAProxy that asks for client certificates', function () {
  this.timeout(30_000)
  let mtls: MutualTls
  let proxy: Component
  let origin: string
  let authority: Issued
  let clientId: string

  before(async function () {
    requires(this, available())
    const port = await freePort()
    origin = `https://localhost:${port}`
    mtls = await startWithMutualTls('proxy', { env: { AUTHCORE_MTLS_ORIGIN: origin } })
    authority = mtls.authority
    await addApi(mtls.server)
    proxy = await startProxy(port)
    clientId = (
      await addClient(mtls.server, {
        preset: 'service',
        metadata: {
          token_endpoint_auth_method: 'tls_client_auth',
          tls_client_auth_subject_dn: 'CN=Behind HAProxy',
          tls_client_certificate_bound_access_tokens: true,
          resource_scopes: { [API]: ['read'] },
        },
      })
    ).clientId
  })
  after(async () => {
    await proxy?.stop()
    await mtls?.server.stop()
  })

  async function startProxy(port: number): Promise<Component> {
    const folder = temporaryFolder('haproxy-mtls')
    const own = issueCertificate({ altNames: [['dns', 'localhost']] })
    ca = own.cert
    writeFileSync(path.join(folder, 'mtls.pem'), own.cert + own.key)
    writeFileSync(path.join(folder, 'client-authorities.pem'), authority.cert)
    const upstream = new URL(mtls.server.issuer).port
    const config = `defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
${documented().replace(':443', `127.0.0.1:${port}`).replaceAll('/etc/haproxy', folder)}
backend authcore
  server one 127.0.0.1:${upstream}
`
    writeFileSync(path.join(folder, 'haproxy.cfg'), config)
    const program = findProgram('haproxy')!
    const args = ['-db', '-f', path.join(folder, 'haproxy.cfg')]
    const component = startComponent(program, args, { logFile: path.join(folder, 'log') })
    await untilReady(component, () => accepts(port))
    return component
  }
  let ca: string

  function documented(): string {
    const page = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8')
    return /```haproxy\n(frontend mtls\n.*?)```/s.exec(page)![1]!
  }

  const ask = (certificate: Issued | undefined, headers = {}) =>
    browser({ base: origin, ca, certificate }).post(
      '/token',
      { grant_type: 'client_credentials', resource: API, scope: 'read', client_id: clientId },
      { headers },
    )
  const subject = [['CN', 'Behind HAProxy']] as const

  it('hands on whose key it was', async () => {
    const reply = await ask(mtls.issue({ subject }))
    expect(reply.status, reply.body).to.equal(200)
  })

  it('hands on nobody else, whatever the client writes itself', async () => {
    const real = mtls.issue({ subject })
    for (const certificate of [undefined, issueCertificate({ subject }), mtls.issue()]) {
      for (const headers of [{}, clientCert(real), { 'client-cert': [`:${real.der}:`, '::'] }]) {
        const reply = await ask(certificate, headers)
        expect([reply.status, reply.json<{ error: string }>().error]).to.deep.equal([
          401,
          'invalid_client',
        ])
      }
    }
  })
})
