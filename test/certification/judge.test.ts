import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { type Expectation, readExpectations } from '../../certification/judging/expectations.ts'
import { judge } from '../../certification/judging/judge.ts'
import { type Planned, plannedFor } from '../../certification/plans/planned.ts'
import type { Condition, ModuleRun } from '../../certification/suite/run_module.ts'
import type { PlanRun } from '../../certification/suite/run_plan.ts'

const BASIC = 'oidcc-basic-certification-test-plan'
const [basic, config] = plannedFor(['basic', 'config'], { aliasPrefix: 'a', oneAlias: false }) as [
  Planned,
  Planned,
]

function moduleRun(module: string, changes: Partial<ModuleRun> = {}): ModuleRun {
  const end = { status: 'FINISHED', result: 'PASSED' } as const
  return { module, variant: {}, id: 'm1', conditions: [], durationMs: 5, ...end, ...changes }
}

const run = (modules: ModuleRun[], changes: Partial<PlanRun> = {}): PlanRun => ({
  planned: basic,
  id: 'p1',
  modules,
  ...changes,
})

function expected(changes: Partial<Expectation> = {}): Expectation {
  const reason = 'because of a test'
  return { plan: BASIC, variant: {}, module: 'm', result: 'WARNING', reason, ...changes }
}

const warning: Condition = { condition: 'Check', result: 'WARNING', message: 'odd' }
const warned = moduleRun('m', { result: 'WARNING', conditions: [warning] })

describe('what is expected of a certification', () => {
  it('is good where everything passed, or only waits for a person to look', () => {
    const judgement = judge([run([moduleRun('a'), moduleRun('b', { result: 'REVIEW' })])], [])
    expect(judgement.good).to.equal(true)
  })

  const UNEXPECTED: [what: string, module: ModuleRun, observed: object][] = [
    ['a condition that warns', warned, warning],
    [
      'a condition that fails although the module went on',
      moduleRun('m', { conditions: [{ ...warning, result: 'FAILURE' }] }),
      { ...warning, result: 'FAILURE' },
    ],
    ['a module that was skipped', moduleRun('m', { result: 'SKIPPED' }), { result: 'SKIPPED' }],
    ['a failure without a condition', moduleRun('m', { result: 'FAILED' }), { result: 'FAILED' }],
    [
      'an interrupted one, also where it says it passed',
      moduleRun('m', { status: 'INTERRUPTED' }),
      { result: 'INTERRUPTED' },
    ],
    [
      'what interrupted it, once',
      moduleRun('m', { status: 'INTERRUPTED', conditions: [{ ...warning, result: 'FAILURE' }] }),
      { condition: 'Check', result: 'FAILURE' },
    ],
    ['one that did not end', moduleRun('m', { status: 'TIMED_OUT' }), { result: 'TIMED_OUT' }],
    ['a word that nobody knows', moduleRun('m', { result: 'SPLENDID' }), { result: 'UNKNOWN' }],
  ]
  for (const [what, module, observed] of UNEXPECTED) {
    it(`finds ${what}`, () => {
      const judgement = judge([run([module])], [])
      expect(judgement.good).to.equal(false)
      const [found, ...others] = judgement.plans[0]!.modules[0]!.unexpected
      expect(found).to.include(observed)
      expect(others).to.deep.equal([])
    })
  }

  it('is fulfilled by its condition with its result, and tells the reason', () => {
    const judgement = judge([run([warned])], [expected({ condition: 'Check' })])
    expect(judgement.good).to.equal(true)
    expect(judgement.plans[0]!.modules[0]!.expected).to.deep.equal([
      { observation: warning, reason: 'because of a test' },
    ])
  })

  const MISSES: [what: string, changes: Partial<Expectation>][] = [
    ['another condition', { condition: 'Other' }],
    ['the module as a whole', {}],
    ['another result', { condition: 'Check', result: 'FAILURE' }],
    ['another variant', { condition: 'Check', variant: { client_registration: 'dynamic_client' } }],
    ['another plan', { condition: 'Check', plan: 'oidcc-config-certification-test-plan' }],
  ]
  for (const [what, changes] of MISSES) {
    it(`is not fulfilled where it speaks of ${what}`, () => {
      const judgement = judge([run([warned])], [expected(changes)])
      expect(judgement.good).to.equal(false)
      expect(judgement.plans[0]!.modules[0]!.unexpected).to.deep.equal([warning])
    })
  }

  it('holds for the variant of the plan and of the module together', () => {
    const module = { ...warned, variant: { response_type: 'code' } }
    const variant = { client_registration: 'static_client', response_type: 'code' }
    const judgement = judge([run([module])], [expected({ condition: 'Check', variant })])
    expect(judgement.good).to.equal(true)
  })

  it('is stale where its module ran and did better, or is no part of the plan any more', () => {
    for (const module of ['m', 'gone']) {
      const entry = expected({ module })
      const judgement = judge([run([moduleRun('m')])], [entry])
      expect(judgement.good).to.equal(false)
      expect(judgement.stale).to.deep.equal([entry])
    }
  })

  it('is not stale where nothing can be known: another plan, another variant, not run', () => {
    const entries = [
      expected({ plan: 'oidcc-config-certification-test-plan' }),
      expected({ variant: { client_registration: 'dynamic_client' } }),
    ]
    expect(judge([run([moduleRun('m')])], entries).stale).to.deep.equal([])
    expect(judge([run([], { error: 'no server' })], [expected()]).stale).to.deep.equal([])
    expect(judge([run([moduleRun('x')], { partial: true })], [expected()]).stale).to.deep.equal([])
  })

  it('is not met by a plan that did not run, or had no module', () => {
    expect(judge([run([moduleRun('m')], { error: 'no server' })], []).good).to.equal(false)
    expect(judge([run([])], []).good).to.equal(false)
    expect(judge([], []).good).to.equal(false)
  })

  it('lets a plan be empty where only some modules were asked for, but not all plans', () => {
    const empty = run([], { planned: config, partial: true })
    expect(judge([run([moduleRun('m')], { partial: true }), empty], []).good).to.equal(true)
    expect(judge([empty], []).good).to.equal(false)
  })
})

describe('the list of expectations', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'authcore-expectations-'))
  after(() => rmSync(folder, { recursive: true }))

  it('of this repository can be read, and repeats nothing', () => {
    const file = path.join(import.meta.dirname, '../../certification/expectations.json')
    const entries = readExpectations(file).map(({ reason: _, ...entry }) => JSON.stringify(entry))
    expect(new Set(entries).size).to.equal(entries.length)
  })

  const FAULTS: [what: string, entry: object, words: RegExp][] = [
    ['an unknown plan', { plan: 'some-plan' }, /0\.plan is no plan of any profile/],
    ['no reason', { reason: 'meh' }, /0\.reason must say why/],
    ['a result that is none', { result: 'PASSED' }, /0\.result/],
    ['a member that means nothing', { conditions: 'x' }, /conditions/],
  ]
  for (const [what, entry, words] of FAULTS) {
    it(`is refused with ${what}`, () => {
      const file = path.join(folder, 'expectations.json')
      writeFileSync(file, JSON.stringify([{ ...expected(), ...entry }]))
      expect(() => readExpectations(file)).to.throw(words)
    })
  }
})
