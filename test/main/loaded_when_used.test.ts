import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

const MAIN = new URL('../../src/main/', import.meta.url)

/** What a process asks the loader for when it loads everything that a server is made of. */
const PROBE = `
import { registerHooks } from 'node:module'
const seen = new Set()
registerHooks({ resolve(name, context, next) { seen.add(name); return next(name, context) } })
for (const file of ['compose.ts', 'worker.ts', 'server.ts']) await import('${MAIN.href}' + file)
console.log(JSON.stringify([...seen]))`

describe('what few deployments use', function () {
  this.timeout(30_000)

  it('is not loaded at the start: mail, Amazon, authenticators, QR codes, bcrypt, user agents, telephone numbers, places, schemas, proofs of work, the queue of jobs', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', PROBE],
      { cwd: fileURLToPath(MAIN), maxBuffer: 10_000_000 },
    )
    const loaded = JSON.parse(stdout) as string[]
    expect(loaded)
      .to.include('koa')
      .and.to.satisfy((names: string[]) => names.length > 100)
    expect(
      loaded.filter((name) =>
        /^(nodemailer|aws4fetch|otpauth|uqr|bcrypt|bowser|libphonenumber|mmdb-lib|ajv|altcha|pg-boss)/.test(
          name,
        ),
      ),
    ).to.deep.equal([])
  })
})
