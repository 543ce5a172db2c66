import { expect } from 'chai'
import { generateSigningJwks } from '../../../src/platform/keys/signing_key.ts'

describe('signing keys', () => {
  it('have names that a command line cannot take for an option', async () => {
    // One thumbprint in 64 begins with a dash: among 1000 all escape it by chance once in 7 million.
    const keys = await Promise.all(Array.from({ length: 1000 }, () => generateSigningJwks('EdDSA')))
    expect(keys.filter(({ kid }) => kid.startsWith('-'))).to.deep.equal([])
  })
})
