import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { judge } from '../../certification/judging/judge.ts'
import { type Planned, plannedFor } from '../../certification/plans/planned.ts'
import { writeReports } from '../../certification/reports/write_reports.ts'
import type { ModuleRun } from '../../certification/suite/run_module.ts'

const BASIC = 'oidcc-basic-certification-test-plan'
const [basic, config] = plannedFor(['basic', 'config'], { aliasPrefix: 'a', oneAlias: false }) as [
  Planned,
  Planned,
]

function moduleRun(module: string, changes: Partial<ModuleRun>): ModuleRun {
  const end = { status: 'FINISHED', result: 'PASSED' } as const
  return {
    module,
    variant: {},
    id: `id-${module}`,
    conditions: [],
    durationMs: 1500,
    ...end,
    ...changes,
  }
}

describe('the reports of a certification', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'authcore-reports-'))
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8')
  after(() => rmSync(folder, { recursive: true }))

  before(() => {
    const message = 'said "<b>&\u0001" and more'
    const modules = [
      moduleRun('good', {}),
      moduleRun('seen', { result: 'REVIEW' }),
      moduleRun('bad', { conditions: [{ condition: 'Check', result: 'FAILURE', message }] }),
      moduleRun('left-out', { result: 'SKIPPED' }),
    ]
    const entry = { plan: BASIC, variant: {}, reason: 'we do not offer it' } as const
    const judgement = judge(
      [
        { planned: basic, id: 'p1', modules },
        { planned: config, modules: [], error: 'The server did not start.' },
      ],
      [
        { ...entry, module: 'left-out', result: 'SKIPPED' },
        { ...entry, module: 'good', result: 'WARNING', condition: 'Old' },
      ],
    )
    expect(
      writeReports(folder, judgement, { url: 'https://suite.example', version: '5.2.4' }),
    ).to.equal(path.join(folder, 'report.md'))
  })

  it('tell a build server which module failed and why, as JUnit', () => {
    const xml = read('report.xml')
    expect(xml).to.include('<testsuite name="basic" tests="4" failures="1">')
    expect(xml).to.include('<testcase classname="basic" name="good" time="1.5"></testcase>')
    expect(xml).to.include('name="left-out" time="1.5"><skipped/>')
    expect(xml).to.include('FAILURE Check – said &quot;&lt;b&gt;&amp;\ufffd&quot; and more')
    expect(xml).to.include('<failure message="The server did not start.">')
    expect(xml).to.include('<testsuite name="expectations" tests="1" failures="1">')
  })

  it('tell a person what is to be done first', () => {
    const text = read('report.md')
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).to.deep.equal([
      'Unexpected',
      'Stale expectations',
      'To be looked at by a person',
      'Expected',
    ])
    expect(text).to.include('Not as expected. Suite: 5.2.4 at https://suite.example')
    expect(text).to.include('| basic | Basic OP | 2 PASSED, 1 REVIEW, 1 SKIPPED | unexpected |')
    expect(text).to.include('| config | Config OP |  | did not run |')
    expect(text).to.include('- config: The server did not start.')
    expect(text).to.include('- basic / [seen](https://suite.example/log-detail.html?log=id-seen)')
    expect(text).to.include('- basic / left-out SKIPPED: we do not offer it')
    expect(text).to.include(`- ${BASIC} / good: WARNING Old is not seen any more`)
  })

  it('tell a program everything', () => {
    const report = JSON.parse(read('report.json')) as {
      good: boolean
      plans: { key: string; error?: string; modules: { outcome: string; verdict: string }[] }[]
      stale: object[]
    }
    expect(report.good).to.equal(false)
    expect(
      report.plans[0]?.modules.map(({ outcome, verdict }) => [outcome, verdict]),
    ).to.deep.equal([
      ['PASSED', 'as expected'],
      ['REVIEW', 'as expected'],
      ['PASSED', 'unexpected'],
      ['SKIPPED', 'as expected'],
    ])
    expect(report.plans[1]).to.include({ key: 'config', error: 'The server did not start.' })
    expect(report.stale).to.have.length(1)
  })
})
