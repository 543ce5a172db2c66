import { expect } from 'chai'
import fc from 'fast-check'
import type { Context } from 'koa'
import { takeEmptyBasic } from '../../../src/surfaces/oidc/empty_basic.ts'

/** Whom the Basic header of a client without a secret names; what is sent on is tested end to end. */
describe('surfaces/oidc/empty_basic, whatever the header holds', () => {
  async function namedBy(authorization: string): Promise<string[]> {
    const asked: string[] = []
    const ctx = {
      path: '/token',
      get: () => authorization,
      is: () => 'application/x-www-form-urlencoded',
    }
    const clients = {
      find: async (id: string) => {
        asked.push(id)
        return undefined
      },
    }
    await takeEmptyBasic(ctx as unknown as Context, clients)
    return asked
  }

  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  /** RFC 6749 §2.3.1: as in a form. */
  const encoded = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
  const id = fc.string({ unit: 'grapheme', minLength: 1 })

  it('is the client of that very name, where the password is empty', async () => {
    await fc.assert(
      fc.asyncProperty(id, async (clientId) => {
        expect(await namedBy(basic(`${encoded(clientId)}:`))).to.deep.equal([clientId])
      }),
    )
  })

  it('is nobody where there is a password', async () => {
    await fc.assert(
      fc.asyncProperty(id, fc.string({ minLength: 1 }), async (clientId, password) => {
        expect(await namedBy(basic(`${encoded(clientId)}:${password}`))).to.deep.equal([])
      }),
    )
  })

  it('is nobody, and no error, for any other header', async () => {
    const scheme = fc.constantFrom('Basic ', 'basic', 'Bearer ', '', 'Basic  ')
    await fc.assert(
      fc.asyncProperty(scheme, fc.string(), async (scheme, rest) => {
        const text = Buffer.from(rest, 'base64').toString()
        const isEmptyPassword = /^[^:]+:$/.test(text)
        if (!isEmptyPassword) expect(await namedBy(`${scheme}${rest}`)).to.deep.equal([])
      }),
    )
  })
})
