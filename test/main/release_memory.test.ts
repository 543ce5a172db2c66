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
    let held: unknown = Array.from({ length: 1_000_000 }, () => ({}))
    const before = process.memoryUsage().heapUsed
    held = undefined
    releaseMemory()
    expect(held).to.equal(undefined)
    expect(process.memoryUsage().heapUsed).to.be.below(before - 10 * 2 ** 20)
  })
})
