import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import type { Clock } from '../../../src/core/clock.ts'
import type { DomainError } from '../../../src/core/errors.ts'
import {
  openMetadataFile,
  staleness,
} from '../../../src/domain/credentials/webauthn/metadata_file.ts'
import { issueCertificate } from '../../support/certificates.ts'
import { issueRoot, MODEL, makeBlob } from '../../support/metadata.ts'

describe('the metadata of authenticators (FIDO MDS 3.0 §3.2)', () => {
  const root = issueRoot('Metadata root')
  const signer = issueCertificate({ subject: [['CN', 'Metadata']], by: root })
  const clock: Clock = { now: () => new Date() }
  const said: string[] = []
  const log = {
    info() {},
    warn: (_: object, message: string) => void said.push(message),
    error: (_: object, message: string) => void said.push(message),
  }
  let dir: string
  let file: string
  let rootFile: string

  beforeEach(() => {
    said.length = 0
    dir = mkdtempSync(path.join(tmpdir(), 'authcore-mds-'))
    file = path.join(dir, 'blob.jwt')
    rootFile = path.join(dir, 'root.pem')
    writeFileSync(rootFile, root.cert)
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const open = async (blob: string, options: { rootFile?: string } = { rootFile }) => {
    writeFileSync(file, blob)
    const opened = await openMetadataFile({ file, ...options }, { log, clock })
    opened.close()
    return opened
  }
  const faultOf = async (blob: string, options?: { rootFile?: string }) =>
    await open(blob, options).then(
      () => 'none',
      (error: DomainError) => error.debug,
    )
  const entries = [{ roots: [root] }]

  it('is read where a root that is believed leads to its signature', async () => {
    const opened = await open(await makeBlob(signer, entries))
    expect([...opened.current().authenticators.keys()]).to.deep.equal([MODEL])
    expect(said).to.deep.equal([])
  })

  it('is refused where anything about the signature is wrong', async () => {
    const blob = await makeBlob(signer, entries)
    const [head, body, signature] = blob.split('.')
    const other = Buffer.from(body!, 'base64url').toString().replace('Example Key', 'Another Key')
    const tampered = [head, Buffer.from(other).toString('base64url'), signature].join('.')
    expect(await faultOf(tampered)).to.match(/signature/)
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    expect(await faultOf(`${none}.${body}.`))
      .to.be.a('string')
      .and.not.equal('none')
    const stranger = issueRoot('Metadata root')
    expect(await faultOf(await makeBlob(stranger, entries))).to.match(/do not lead to a root/)
    const expired = issueCertificate({ by: root, from: -90, until: -9 })
    expect(await faultOf(await makeBlob(expired, entries))).to.match(/do not lead to a root/)
    expect(await faultOf('nonsense'))
      .to.be.a('string')
      .and.not.equal('none')
    // Without a root of our own, FIDO's are the only ones.
    expect(await faultOf(blob, {})).to.match(/do not lead to a root/)
  })

  it('is used and told of where it is out of date', async () => {
    const opened = await open(await makeBlob(signer, entries, { nextUpdate: '2026-01-01' }))
    expect(staleness(opened.current(), clock.now())).to.match(/due on 2026-01-01/)
    expect(said).to.deep.equal([
      'the metadata of authenticators is out of date: the next one was due on 2026-01-01',
    ])
  })

  it('stays where an older one takes its place', async () => {
    const opened = await open(await makeBlob(signer, entries, { no: 7 }))
    writeFileSync(file, await makeBlob(signer, [], { no: 6 }))
    await opened.look()
    expect(opened.current().no).to.equal(7)
    expect(said).to.have.length(1)
  })
})
