import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { decodeJwt, SignJWT } from 'jose'
import { randomToken } from '../../src/core/secrets.ts'
import { exchangeFields, expectTokens, post, signingParty } from '../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import { codeBlocks, ROOT } from './documents.ts'

const PAGE = 'docs/TOKEN-EXCHANGE.md'
const ORDERS = 'https://orders.example.com'
const STOCK = 'https://stock.example.com'

/** The shell of the page, block by block, as somebody would type it. */
const blocks = codeBlocks({ file: PAGE, text: readFileSync(path.join(ROOT, PAGE), 'utf8') }, [
  'sh',
]).map((block) => block.replace(/^[A-Z]+=…$/gm, ''))

describe(`The commands of ${PAGE}`, function () {
  this.timeout(60_000)
  let server: AuthCore
  let ada: Person
  let partner: { address: string; host: Server; assertion(): Promise<string> }
  let place: string

  before(async () => {
    place = mkdtempSync(path.join(tmpdir(), 'authcore-page-'))
    const { address, host, sign } = await startPartner()
    server = await startAuthCore({ env: { AUTHCORE_OUTBOUND_ALLOW: new URL(address).host } })
    ada = await addPerson(server)
    partner = { address, host, assertion: () => sign(server.issuer, ada.email) }
  })
  after(async () => {
    await server?.stop()
    partner?.host.close()
    rmSync(place, { recursive: true, force: true })
  })

  /** Runs these blocks and returns what they print. */
  const run = async (which: RegExp, variables: Record<string, string> = {}): Promise<string> => {
    const { config } = server.parts
    const script = [
      'set -eu',
      `authcore() { "${process.execPath}" "${ROOT}/bin/authcore.mjs" "$@"; }`,
      ...blocks.filter((block) => which.test(block)),
    ].join('\n')
    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      cwd: place,
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'test',
        ISSUER: server.issuer,
        DATABASE_URL: config.storage.databaseUrl,
        AUTHCORE_DATA_DIR: config.storage.dataDir,
        PARTNER: partner.address,
        ...variables,
      },
    })
    return stdout
  }
  const tokenOf = (answer: string) => (JSON.parse(answer) as { access_token: string }).access_token

  it('are all run by one of these', () => {
    const known = /resource-server create|orders\.json|subject_token|robot\.json|ASSERTION/
    expect(blocks).to.have.length(6)
    expect(blocks.filter((block) => !known.test(block))).to.deep.equal([])
  })

  it('exchange the token of a person who is signed in', async () => {
    await run(/resource-server create/)
    await run(/client create --id orders/)
    const shop = await addClient(server, { clientId: 'web-shop' })
    const party = await relyingParty(server, shop)
    const parameters = { scope: 'openid read', resource: ORDERS }
    const signedIn = await authorize(server, party, ada, { parameters })
    const fields = { ...exchangeFields(signedIn), resource: ORDERS }
    const { access_token } = expectTokens(await post(server, '/token', shop, fields))
    const expected = { sub: ada.id, aud: STOCK, scope: 'read', act: { sub: 'orders' } }
    const first = await run(/subject_token=/, { TOKEN: access_token })
    expect(decodeJwt(tokenOf(first))).to.deep.include(expected)
    await run(/client update orders/)
    await new Promise((resolve) => setTimeout(resolve, 150))
    const second = await run(/subject_token=/, { TOKEN: access_token })
    expect(decodeJwt(tokenOf(second))).to.deep.include(expected)
  })

  it('take the word of a partner', async () => {
    await run(/client create --id robot/)
    const answer = await run(/ASSERTION/, { ASSERTION: await partner.assertion() })
    const expected = { sub: ada.id, aud: ORDERS, scope: 'read', client_id: 'robot' }
    expect(decodeJwt(tokenOf(answer))).to.deep.include(expected)
  })
})

async function startPartner() {
  const [port, key] = [await freePort(), await signingParty()]
  const host = createServer((_request, response) => {
    response.end(JSON.stringify({ keys: [key.jwk] }))
  })
  await new Promise<void>((resolve) => host.listen(port, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${port}`
  const sign = (audience: string, subject: string) =>
    new SignJWT()
      .setProtectedHeader({ alg: key.alg })
      .setIssuer(address)
      .setSubject(subject)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('1m')
      .setJti(randomToken())
      .sign(key.privateKey)
  return { address, host, sign }
}
