import { expect } from 'chai'
// @ts-expect-error plain JavaScript, which runs before anything is installed
import { isComplete } from '../../scripts/ensure_install.mjs'

describe('an installation', () => {
  const here = { os: [process.platform], cpu: [process.arch] }
  const wanted = {
    '': { version: '0.1.0' },
    'node_modules/koa': { version: '3.3.0' },
    'node_modules/mocha': { version: '12.0.3', dev: true },
    'node_modules/fast': { version: '1.0.0', optional: true },
    'node_modules/fast-here': { version: '1.0.0', optional: true, ...here },
    'node_modules/fast-elsewhere': { version: '1.0.0', optional: true, os: ['none'] },
  }
  const { '': _, 'node_modules/fast-elsewhere': __, ...all } = wanted
  const without = (name: keyof typeof all) => {
    const { [name]: ___, ...rest } = all
    return rest
  }
  const complete = (installed: object, dev = true): boolean =>
    isComplete(installed, wanted, { dev })

  it('is complete without optional packages of other machines', () => {
    expect(complete(all)).to.equal(true)
  })

  it('is not with another version', () => {
    expect(complete({ ...all, 'node_modules/koa': { version: '3.2.0' } })).to.equal(false)
  })

  for (const name of ['node_modules/fast', 'node_modules/fast-here'] as const) {
    it(`is not without ${name}, which came later; one for production may leave it out`, () => {
      expect(complete(without(name))).to.equal(false)
      expect(complete(without(name), false)).to.equal(true)
    })
  }

  it('for production needs no tools', () => {
    expect(complete(without('node_modules/mocha'))).to.equal(false)
    expect(complete(without('node_modules/mocha'), false)).to.equal(true)
  })
})
