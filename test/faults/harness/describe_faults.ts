import { randomInt } from 'node:crypto'
import { requires } from '../../support/skip.ts'
import type { Group, Setting } from './fault.ts'
import { runFault } from './run_fault.ts'

/** The short form: every fault of the group once. FAULTS_SEED has the choices of a run again. */
export function describeFaults(group: Group): void {
  const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000))

  describe(`${group.title} (seed ${seed})`, function () {
    this.timeout(120_000)
    let setting: Setting | undefined

    before(async function () {
      requires(this, group.needs())
      setting = await group.start('short')
    })
    after(() => setting?.stop())

    for (const fault of group.faults) {
      it(`${fault.name}: ${fault.what}`, async function () {
        if (fault.needs) requires(this, fault.needs())
        const outcome = await runFault(setting!, fault, { form: 'short', seed })
        if (process.env['FAULTS_PRINT']) console.log(JSON.stringify(outcome))
      })
    }
  })
}
