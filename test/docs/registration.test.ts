import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { initialToken } from '../protocol/registration_driver.ts'
import { type AuthCore, startAuthCore } from '../support/authcore.ts'
import { codeBlocks, ROOT } from './documents.ts'

const EXAMPLE = 'docs/examples/register_client.mjs'

describe('The client in docs/REGISTRATION.md', function () {
  this.timeout(30_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_DYNAMIC_REGISTRATION: 'protected' } })
  })
  after(() => server?.stop())

  it('is the one in docs/examples', () => {
    const text = readFileSync(path.join(ROOT, 'docs/REGISTRATION.md'), 'utf8')
    const source = readFileSync(path.join(ROOT, EXAMPLE), 'utf8')
    expect(codeBlocks({ file: 'docs/REGISTRATION.md', text }, ['js'])).to.deep.equal([source])
  })

  it('registers itself, changes its name and goes', async () => {
    const INITIAL_ACCESS_TOKEN = await initialToken(server)
    const { stdout } = await promisify(execFile)(process.execPath, [path.join(ROOT, EXAMPLE)], {
      env: { ISSUER: server.issuer, INITIAL_ACCESS_TOKEN },
    })
    expect(stdout).to.equal(
      'registered as web, client_secret_basic\nnow called Our shelf\ndeleted\n',
    )
  })
})
