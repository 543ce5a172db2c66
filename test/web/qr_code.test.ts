import { expect } from 'chai'
import { encode } from 'uqr'
import { qrCodeOf } from '../../src/web/qr_code.ts'

describe('web/qr_code', () => {
  it('draws every dark module, and no other, inside a quiet zone of four', () => {
    const text = 'otpauth://totp/AuthCore:ada?secret=JBSWY3DPEHPK3PXP'
    const { size, path } = qrCodeOf(text)
    const drawn = new Set<string>()
    for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
      for (let i = 0; i < Number(width); i += 1) drawn.add(`${Number(x) + i},${y}`)
    }
    const { data } = encode(text, { ecc: 'M', border: 4 })
    const dark = data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`${x},${y}`] : [])))
    expect([...drawn].sort()).to.deep.equal(dark.sort())
    expect(size).to.equal(data.length)
    expect(
      dark.every((at) => at.split(',').every((n) => Number(n) >= 4 && Number(n) < size - 4)),
    ).to.equal(true)
  })
})
