import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type HousekeepingTask,
  startHousekeeping,
} from '../../../src/platform/jobs/housekeeping.ts'
import { memoryLog } from './support.ts'

describe('housekeeping', () => {
  let log: ReturnType<typeof memoryLog>
  let stops: (() => Promise<void>)[]

  beforeEach(() => {
    log = memoryLog()
    stops = []
  })

  afterEach(() => Promise.all(stops.map((stop) => stop())))

  /** @param chance what `random` answers: 0 begins at once and comes 8 ms later again */
  function start(tasks: HousekeepingTask[], { intervalMs = 10, chance = 0 } = {}) {
    const housekeeping = startHousekeeping({ tasks, intervalMs, log, random: () => chance })
    stops.push(() => housekeeping.stop())
    return housekeeping
  }

  /** Answers these numbers in turn, then 0 for ever; counts how often it was asked. */
  function task(name: string, ...answers: (number | Error)[]) {
    const asked = { count: 0 }
    const run = async () => {
      asked.count += 1
      const answer = answers.shift() ?? 0
      if (answer instanceof Error) throw answer
      return answer
    }
    return { name, run, asked }
  }

  it('asks a task again while it finds something, then the next one', async () => {
    const order: string[] = []
    const noting = ({ name, run }: HousekeepingTask) => ({
      name,
      run: () => {
        order.push(name)
        return run()
      },
    })
    start([noting(task('a', 1000, 1000, 3)), noting(task('b'))], { intervalMs: 1_000 })
    await sleep(30)
    expect(order).to.deep.equal(['a', 'a', 'a', 'a', 'b'])
  })

  it('leaves a task that never ends for the next round, so that the others come to their turn', async () => {
    let rows = 0
    const endless = { name: 'endless', run: async () => ++rows }
    const other = task('other')
    start([endless, other], { intervalMs: 1_000 })
    await sleep(30)
    expect(rows).to.equal(100)
    expect(other.asked.count).to.equal(1)
  })

  it('logs what failed, goes on with the next task, and tries again in the next round', async () => {
    const failing = task('failing', new Error('no'))
    const other = task('other')
    start([failing, other])
    await sleep(60)
    expect(failing.asked.count).to.be.above(1)
    expect(other.asked.count).to.be.above(1)
    expect(log.lines).to.have.length(1)
    expect(log.lines[0]!.message).to.equal('housekeeping failed and will be tried again')
    expect(log.lines[0]!.fields).to.have.property('task', 'failing')
  })

  it('asks a task less and less often that finds nothing, unless what it does is due at a time', async () => {
    const [resting, steady] = [task('resting'), { ...task('steady'), steady: true }]
    start([resting, steady], { intervalMs: 5 })
    while (steady.asked.count < 40) await sleep(5)
    expect(resting.asked.count).to.be.within(4, 8)
  })

  it('asks a task in the next round again that has found something', async () => {
    const [busy, steady] = [task('busy', 0, 0, 5, 0, 5, 0), { ...task('steady'), steady: true }]
    start([busy, steady], { intervalMs: 5 })
    while (steady.asked.count < 4) await sleep(1)
    expect(busy.asked.count).to.be.at.least(4)
  })

  it('never runs a task twice at the same time', async () => {
    let running = 0
    let most = 0
    const slow = {
      name: 'slow',
      run: async () => {
        running += 1
        most = Math.max(most, running)
        await sleep(30)
        running -= 1
        return 0
      },
    }
    start([slow])
    await sleep(120)
    expect(most).to.equal(1)
  })

  it('begins somewhere within the first interval, by chance', async () => {
    const early = task('early')
    const late = task('late')
    start([early], { intervalMs: 1_000, chance: 0.01 })
    start([late], { intervalMs: 1_000, chance: 0.9 })
    await sleep(100)
    expect([early.asked.count, late.asked.count]).to.deep.equal([1, 0])
  })

  it('stops after the batch at hand', async () => {
    let begun = 0
    let ended = 0
    const slow = {
      name: 'slow',
      run: async () => {
        begun += 1
        await sleep(50)
        ended += 1
        return 1
      },
    }
    const housekeeping = start([slow])
    await sleep(20)
    await housekeeping.stop()
    expect([begun, ended]).to.deep.equal([1, 1])
    await sleep(80)
    expect(begun).to.equal(1)
  })

  it('stops while it waits', async () => {
    const housekeeping = start([task('a')], { intervalMs: 3_600_000, chance: 0.5 })
    await housekeeping.stop()
  })
})
