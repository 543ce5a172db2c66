import { expect } from 'chai'
import { oncePerBusyTime, releaseMemory } from '../../src/main/release_memory.ts'

describe('main/release_memory', () => {
  it('happens once after the start, and once after each busy time, when that is over', () => {
    const done: number[] = []
    let n = 0
    const look = oncePerBusyTime(() => done.push(n))
    for (const utilization of [0.9, 0.07, 0.01, 0, 0.07, 0, 0.2, 0.7, 0.07, 0.01, 0]) {
      n += 1
      look(utilization)
    }
    expect(done).to.deep.equal([3, 10])
  })

  it('returns what nobody holds any more', () => {
    const before = heapUsed()
    const withRubbish = heapUsedWithRubbish()
    expect(withRubbish).to.be.above(before + 10 * 2 ** 20)
    releaseMemory()
    expect(heapUsed()).to.be.below(withRubbish - 10 * 2 ** 20)
  })
})

const heapUsed = () => process.memoryUsage().heapUsed

function heapUsedWithRubbish(): number {
  const rubbish = Array.from({ length: 1_000_000 }, () => ({}))
  return rubbish.length > 0 ? heapUsed() : 0
}
