import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { assetPath, loadAssets } from '../../../src/platform/templating/assets.ts'

const viewsDir = fileURLToPath(new URL('../../../views', import.meta.url))

describe('platform/templating/assets', () => {
  const assets = loadAssets(viewsDir, { name: 'AuthCore' })

  it('holds what pages load, each with its type', () => {
    expect(
      Object.fromEntries([...assets].map(([name, asset]) => [name, asset.contentType])),
    ).to.deep.equal({
      'authcore.css': 'text/css; charset=utf-8',
      'brand.css': 'text/css; charset=utf-8',
      'icon.svg': 'image/svg+xml',
      'leave.js': 'text/javascript; charset=utf-8',
      'notifications.js': 'text/javascript; charset=utf-8',
      'passkey.js': 'text/javascript; charset=utf-8',
      'password.js': 'text/javascript; charset=utf-8',
      'proof.js': 'text/javascript; charset=utf-8',
      'push_worker.js': 'text/javascript; charset=utf-8',
      'submit.js': 'text/javascript; charset=utf-8',
    })
  })

  it('sends no script of more than 4 kB', () => {
    for (const [name, { body }] of assets) {
      if (name.endsWith('.js')) expect(Buffer.byteLength(body), name).to.be.below(4096)
    }
  })

  it('changes the address with the content', () => {
    const branded = loadAssets(viewsDir, { name: 'Acme', colors: { light: { accent: '#123456' } } })
    expect(assetPath(branded, 'brand.css')).not.to.equal(assetPath(assets, 'brand.css'))
    expect(assetPath(branded, 'authcore.css')).to.equal(assetPath(assets, 'authcore.css'))
    expect(assetPath(assets, 'icon.svg')).to.match(/^\/assets\/icon\.svg\?v=[\w-]{10}$/)
  })

  it('does not start with colours that are none', () => {
    expect(() => loadAssets(viewsDir, { name: 'A', colors: { light: { accent: 'x' } } })).to.throw(
      'light.accent',
    )
  })

  it('knows no other file', () => {
    expect(() => assetPath(assets, '../locales/en.json')).to.throw('there is no asset')
  })
})
