import { expect } from 'chai'
import { RestartDelay } from '../../src/core/restart_delay.ts'

describe('core/restart_delay', () => {
  it('doubles up to ten seconds, and says the next one beforehand', () => {
    const delay = new RestartDelay()
    const seen = Array.from({ length: 10 }, () => {
      const announced = delay.nextMs
      expect(delay.next()).to.equal(announced)
      return announced
    })
    expect(seen).to.deep.equal([50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
  })

  it('begins anew after a life of more than a minute only', () => {
    const delay = new RestartDelay()
    delay.next()
    delay.livedFor(60_000)
    expect(delay.nextMs).to.equal(100)
    delay.livedFor(60_001)
    expect(delay.nextMs).to.equal(50)
  })
})
