import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { browser } from '../support/http.ts'
import { goThrough } from '../support/relying_party.ts'
import { codeBlocks, ROOT } from './documents.ts'

const EXAMPLE = 'docs/examples/relying_party.mjs'

describe('The application in the README', function () {
  this.timeout(30_000)
  let server: AuthCore
  let application: ChildProcess | undefined
  before(async () => {
    server = await startAuthCore()
  })
  after(async () => {
    application?.kill()
    await server?.stop()
  })

  it('is the one in docs/examples', () => {
    const text = readFileSync(path.join(ROOT, 'README.md'), 'utf8')
    const source = readFileSync(path.join(ROOT, EXAMPLE), 'utf8')
    expect(codeBlocks({ file: 'README.md', text }, ['js'])).to.deep.equal([source])
  })

  it('signs somebody in', async () => {
    const port = await freePort()
    const home = `http://localhost:${port}`
    const { clientId, secret } = await addClient(server, {
      metadata: { redirect_uris: [`${home}/callback`] },
    })
    const ada = await addPerson(server)
    application = await startExample({ ISSUER: server.issuer, port, clientId, secret })
    const person = browser()
    const callback = await goThrough(person, await person.get(home), ada, server.issuer)
    const greeting = await person.get(callback.href)
    expect(greeting.body).to.equal('Hello, Ada Example\n')
  })
})

async function startExample(options: {
  ISSUER: string
  port: number
  clientId: string
  secret: string | undefined
}): Promise<ChildProcess> {
  const { ISSUER, port, clientId, secret } = options
  const child = spawn(process.execPath, [path.join(ROOT, EXAMPLE)], {
    env: {
      ...process.env,
      ISSUER,
      PORT: String(port),
      CLIENT_ID: clientId,
      CLIENT_SECRET: secret,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', () => reject(new Error('the example did not start')))
  })
  return child
}
