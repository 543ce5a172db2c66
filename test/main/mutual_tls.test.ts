import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { pino } from 'pino'
import { DomainError } from '../../src/core/errors.ts'
import { clientCertificates, serveMutualTls } from '../../src/main/mutual_tls.ts'
import { loadConfig } from '../../src/platform/config/load_config.ts'
import type { Config } from '../../src/platform/config/schema.ts'
import { issueCertificate } from '../support/certificates.ts'
import { temporaryFolder } from '../support/leash.ts'

describe('main/mutual_tls', () => {
  const folder = temporaryFolder('mtls-files')
  const file = (name: string, content: string) => {
    writeFileSync(path.join(folder, name), content)
    return path.join(folder, name)
  }
  const { cert, key } = issueCertificate()
  const good = { cert: file('cert.pem', cert), key: file('key.pem', key) }

  const configured = (files: { cert?: string; key?: string; ca?: string }) =>
    loadConfig({
      AUTHCORE_MTLS: 'listener',
      AUTHCORE_MTLS_PORT: '0',
      AUTHCORE_MTLS_ORIGIN: 'https://mtls.example.com',
      AUTHCORE_MTLS_CERT_FILE: files.cert ?? good.cert,
      AUTHCORE_MTLS_KEY_FILE: files.key ?? good.key,
      AUTHCORE_MTLS_CA_FILE: files.ca ?? '',
    }) as Config
  const start = (config: Config) =>
    serveMutualTls(() => {}, { config, log: pino({ level: 'silent' }) })

  it('listens where it is configured, and only there', async () => {
    const server = await start(configured({}))
    expect(server?.address.port).to.be.a('number')
    await server?.stop()
    expect(await start(loadConfig({}) as Config)).to.equal(undefined)
    expect(clientCertificates(loadConfig({}) as Config)).to.equal(undefined)
  })

  const CASES: [string, Parameters<typeof configured>[0], string][] = [
    ['a file that is not there', { cert: '/nowhere.pem' }, 'AUTHCORE_MTLS_CERT_FILE'],
    ['the key of another', { key: file('other.pem', issueCertificate().key) }, 'MTLS_KEY_FILE'],
    ['authorities that are none', { ca: file('none.pem', 'nothing') }, 'AUTHCORE_MTLS_CA_FILE'],
  ]
  for (const [title, files, setting] of CASES) {
    it(`does not start with ${title}, and says which setting it is`, async () => {
      const error = await start(configured(files)).catch((error) => error)
      expect(error).to.be.instanceOf(DomainError)
      expect(error.message).to.include(setting)
      expect(`${error.message} ${error.hint}`).not.to.include('PRIVATE')
    })
  }
})
