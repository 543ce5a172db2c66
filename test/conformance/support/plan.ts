import { expect } from 'chai'
import { endingOf } from '../endings.ts'
import type { ChecklistRow } from '../modules.ts'
import { type Ending, type Notes, outcomeOf } from './outcome.ts'

/** A module of the suite: it asks its questions and throws at the first wrong answer. */
export type Module<Stage> = (stage: Stage & { notes: Notes }) => Promise<void>

export type Plan<Stage> = {
  /** As the checklist calls it, with its variant: `oidcc-hybrid [code id_token]`. */
  title: string
  rows: readonly ChecklistRow[]
  modules: Readonly<Record<string, Module<Stage>>>
  /** Starts the server and registers the clients; `stop` ends it. */
  start(): Promise<Stage & { stop(): Promise<void> }>
}

const MODULE_TIMEOUT_MS = 30_000

/** One `it` for every row of the checklist: a row without its module is a failure. */
export function describePlan<Stage>({ title, rows, modules, start }: Plan<Stage>): void {
  describe(`OpenID conformance: ${title}`, function () {
    this.timeout(MODULE_TIMEOUT_MS)
    let stage: (Stage & { stop(): Promise<void> }) | undefined
    const counted: Record<Ending, number> = { passed: 0, warning: 0, review: 0, skipped: 0 }

    before(async () => {
      stage = await start()
    })
    after(async () => {
      await stage?.stop()
      if (stage) console.log(`      ${title}: ${rows.length} modules (${summary(counted)})`)
    })

    for (const { name } of rows) {
      it(name, async () => {
        const ask = modules[name]
        if (!ask) throw new Error(`the checklist has ${name}, and nobody asks its questions`)
        const outcome = await outcomeOf((notes) => ask({ ...stage!, notes }))
        const { ends, why } = endingOf(title, name)
        expect(outcome.ending, outcome.said.join('; ') || `expected because ${why}`).to.equal(ends)
        counted[outcome.ending] += 1
      })
    }
  })
}

function summary(counted: Record<Ending, number>): string {
  const counts = Object.entries(counted).filter(([, count]) => count > 0)
  return counts.map(([ending, count]) => `${count} ${ending}`).join(', ')
}
