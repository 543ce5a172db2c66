import { expect } from 'chai'
import fc from 'fast-check'
import type { Context } from 'koa'
import { DomainError } from '../../src/core/errors.ts'
import { pinHost } from '../../src/web/pin_host.ts'

/** What is behind it must not learn from a request who we are, or who asks. */
describe('web/pin_host, whatever the headers say', () => {
  const ISSUER = 'https://login.example.com'
  const CLIENT_IP = '192.0.2.7'

  /** @returns the headers that are left, or the error */
  async function headersAfter(
    given: Record<string, string>,
    hosts: readonly string[],
  ): Promise<Record<string, string> | DomainError> {
    const headers: Record<string, string> = { ...given }
    if (hosts[0] !== undefined) headers['host'] = hosts[0]
    const rawHeaders = hosts.flatMap((host) => ['Host', host])
    const ctx = {
      req: { headers, rawHeaders, socket: {} },
      state: { clientIp: CLIENT_IP },
      request: {},
    }
    try {
      await pinHost(ISSUER)(ctx as unknown as Context, async () => undefined)
      return headers
    } catch (error) {
      if (error instanceof DomainError) return error
      throw error
    }
  }

  const names = fc.constantFrom(
    ...[
      'forwarded',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-forwarded-for',
      'x-forwarded-port',
    ],
    ...['x-forwarded-prefix', 'x-forwarded-', 'x-original-url', 'x-rewrite-url', 'x-real-ip'],
    ...['x-http-method-override', 'true-client-ip', 'accept', 'cookie', 'x-request-id'],
  )
  const given = fc.dictionary(names, fc.string(), { maxKeys: 12 })
  const host = fc.oneof(
    fc.domain(),
    fc.tuple(fc.domain(), fc.nat(99_999)).map(([name, port]) => `${name}:${port}`),
    fc.constantFrom('localhost', '127.0.0.1:80', '[::1]', '[::1]:443'),
  )

  it('leaves our own host, and nothing by which a caller says otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(given, host, async (given, host) => {
        const headers = await headersAfter(given, [host])
        if (headers instanceof DomainError) throw headers
        const { host: pinned, ...rest } = headers
        expect(pinned).to.equal('login.example.com')
        expect(rest['x-forwarded-proto']).to.equal('https')
        expect(rest['x-forwarded-for']).to.equal(CLIENT_IP)
        const kept = ['accept', 'cookie', 'x-request-id'].filter((name) => name in given)
        const written = ['x-forwarded-proto', 'x-forwarded-for']
        expect(Object.keys(rest).sort()).to.deep.equal([...kept, ...written].sort())
        for (const name of kept) expect(rest[name]).to.equal(given[name])
      }),
    )
  })

  it('takes one host that is one, and refuses every other with 400', async () => {
    const text = fc.string({ unit: fc.constantFrom(...'a.:-_@/[]1, \\?#%'), minLength: 1 })
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        const isHost =
          /^[a.\-_1]+(:1{1,5})?$/.test(text) || /^\[[a1:.]{2,45}\](:1{1,5})?$/.test(text)
        const after = await headersAfter({}, [text])
        expect(after instanceof DomainError).to.equal(!isHost)
        if (after instanceof DomainError) expect(after.code).to.equal('invalid_input')
      }),
      { numRuns: 500 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(host, { minLength: 2, maxLength: 4 }), async (hosts) => {
        expect(await headersAfter({}, hosts)).to.be.instanceOf(DomainError)
      }),
    )
  })
})
