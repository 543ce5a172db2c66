import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { HARDWARE_ACR } from '../../src/domain/authentication/assurance.ts'
import { listWebAuthnCredentials } from '../../src/domain/credentials/webauthn/webauthn_store.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { issueCertificate } from '../support/certificates.ts'
import { issueRoot, makeBlob } from '../support/metadata.ts'
import { addAuthenticator } from './authenticator.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

/** The authenticator of the tests attests to be one, and nobody who is believed vouches for it. */

describe('An authenticator that is not accepted, in a browser', function () {
  this.timeout(90_000)
  let dir: string
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    const root = issueRoot('Metadata root')
    const signer = issueCertificate({ subject: [['CN', 'Metadata']], by: root })
    dir = mkdtempSync(path.join(tmpdir(), 'authcore-mds-'))
    const [blob, pem] = [path.join(dir, 'blob.jwt'), path.join(dir, 'root.pem')]
    writeFileSync(blob, await makeBlob(signer, [{ roots: [issueRoot('Maker')] }]))
    writeFileSync(pem, root.cert)
    server = await startAuthCore({
      env: {
        AUTHCORE_PASSKEY_ATTESTATION: 'direct',
        AUTHCORE_PASSKEY_METADATA: blob,
        AUTHCORE_PASSKEY_METADATA_ROOT: pem,
      },
    })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  const refused = async (page: Page) => {
    expect(await page.getByLabel('Name').inputValue()).to.equal('')
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await page.getByText('is not among those that are accepted here').waitFor()
    await expectHeading(page, 'Create a passkey')
  }

  test('is told so at the account pages', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await addAuthenticator(page)
    await page.goto(`${server.issuer}/account/security/passkey`)
    await fillInLogin(page, person)
    await refused(page)
    expect(await listWebAuthnCredentials(server.parts.db, person.id)).to.deep.equal([])
  })

  test('is told so within a sign-in, and may go back to the application', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await addAuthenticator(page)
    await page.goto(`${site.startUri}?acr_values=${HARDWARE_ACR}`)
    await fillInLogin(page, person)
    await refused(page)
    expect(await listWebAuthnCredentials(server.parts.db, person.id)).to.deep.equal([])
    await page.locator('#cancel').click()
    await page.waitForURL((url) => !url.href.startsWith(server.issuer))
  })
})
