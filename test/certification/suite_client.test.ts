import { expect } from 'chai'
import { type Planned, plannedFor } from '../../certification/plans/planned.ts'
import { alongAliases } from '../../certification/suite/along_aliases.ts'
import type { ModuleRun } from '../../certification/suite/run_module.ts'
import { type PlanOptions, runPlan } from '../../certification/suite/run_plan.ts'
import { createSuite, SuiteError } from '../../certification/suite/suite_api.ts'
import {
  type Imitation,
  type ImitationOptions,
  type ScriptedModule,
  startImitation,
} from './support/imitation_suite.ts'

const BASIC = 'oidcc-basic-certification-test-plan'
const CONFIG = 'oidcc-config-certification-test-plan'
const [basic] = plannedFor(['basic'], { aliasPrefix: 'a', oneAlias: false }) as [Planned]

describe('the client of the conformance suite', () => {
  let imitation: Imitation
  let suite: ReturnType<typeof createSuite>

  async function start(options: ImitationOptions, token?: string) {
    imitation = await startImitation(options)
    suite = createSuite({ url: imitation.url, pauseMs: 1, token })
  }

  afterEach(async () => {
    await suite.close()
    await imitation.stop()
  })

  const patient: PlanOptions = {
    timeoutMs: 5_000,
    pollMs: 20,
    camera: undefined,
    only: undefined,
    beforeStart: async () => {},
    onModule: () => {},
  }

  async function runOne(module: ScriptedModule, options: Partial<PlanOptions> = {}) {
    await start({ plans: { [BASIC]: { 'oidcc-server': module } } })
    const run = await runPlan(suite, basic, { alias: 'a' }, { ...patient, ...options })
    expect(run.error).to.equal(undefined)
    expect(run.modules).to.have.length(1)
    return run.modules[0] as ModuleRun
  }

  it('runs a module to its end and reads what its log complains of', async () => {
    const run = await runOne({
      states: ['RUNNING', 'WAITING', 'RUNNING', 'FINISHED'],
      result: 'WARNING',
      log: [
        { src: 'CheckA', msg: 'fine', result: 'SUCCESS' },
        { src: 'CheckB', msg: 'odd', result: 'WARNING' },
      ],
    })
    expect(run).to.deep.include({ status: 'FINISHED', result: 'WARNING', variant: {} })
    expect(run.conditions).to.deep.equal([
      { condition: 'CheckB', result: 'WARNING', message: 'odd' },
    ])
  })

  it('starts a module that waits to be started, after what has to happen before', async () => {
    const happened: string[] = []
    const run = await runOne(
      { states: ['CONFIGURED', 'RUNNING', 'FINISHED'] },
      {
        beforeStart: async (module) => {
          happened.push(module, ...imitation.calls.filter((call) => call.startsWith('POST')))
        },
      },
    )
    expect(run.status).to.equal('FINISHED')
    expect(happened).to.deep.equal(['oidcc-server', 'POST /api/plan', 'POST /api/runner'])
    expect(imitation.calls).to.include('POST /api/runner/module1')
  })

  it('does not start a second time what starts by itself', async () => {
    const states = ['CONFIGURED', 'RUNNING', 'FINISHED'] as const
    const run = await runOne({ states, startsItself: true })
    expect(run.status).to.equal('FINISHED')
    expect(imitation.calls).to.not.include('POST /api/runner/module1')
  })

  it('waits for an alias that a stranger has, and says so where it does not get it', async () => {
    await start({ plans: { [BASIC]: { lucky: { occupied: 2 }, unlucky: { occupied: 999 } } } })
    const options = { ...patient, pollMs: 5, timeoutMs: 100 }
    const { modules } = await runPlan(suite, basic, { alias: 'a' }, options)
    expect(modules.map(({ result }) => result)).to.deep.equal(['PASSED', 'UNKNOWN'])
    expect(modules[1]?.note).to.match(/409 .*in use by a different user/)
  })

  it('asks for what is stored of a module that has left the memory of the suite', async () => {
    const run = await runOne({ leavesMemory: true, result: 'REVIEW' })
    expect(run).to.deep.include({ status: 'FINISHED', result: 'REVIEW' })
  })

  it('tells an interrupted module from one that finished', async () => {
    const run = await runOne({ states: ['RUNNING', 'INTERRUPTED'], result: 'FAILED' })
    expect(run).to.deep.include({ status: 'INTERRUPTED', result: 'FAILED' })
    expect(imitation.calls.filter((call) => call === 'POST /api/runner')).to.have.length(1)
  })

  it('gives up a module that does not end, stops it and says where nobody went', async () => {
    const urls = ['https://op.example/authorize?x']
    const run = await runOne({ states: ['WAITING', 'FINISHED'], urls }, { timeoutMs: 100 })
    expect(run.status).to.equal('TIMED_OUT')
    expect(run.note).to.equal('Nobody went to https://op.example/authorize?x')
    expect(imitation.calls).to.include('DELETE /api/runner/module1')
  })

  it('goes where no script goes, and hands in a picture of it', async () => {
    const seen: string[] = []
    const camera = {
      photograph: async (url: string) => {
        seen.push(url)
        return Buffer.from('picture')
      },
      close: async () => {},
    }
    const urls = ['https://op.example/error']
    const run = await runOne(
      { states: ['WAITING', 'FINISHED'], result: 'REVIEW', urls, placeholders: ['p1'] },
      { camera },
    )
    expect(run).to.deep.include({ status: 'FINISHED', result: 'REVIEW' })
    expect(seen).to.deep.equal(urls)
    const body = `data:image/png;base64,${Buffer.from('picture').toString('base64')}`
    expect(imitation.images).to.deep.equal([{ placeholder: 'p1', body }])
  })

  it('asks again where the suite stumbles', async () => {
    const run = await runOne({ stumbles: 3 })
    expect(run.status).to.equal('FINISHED')
  })

  it('loses one module and not the plan where the suite does not recover', async () => {
    await start({ plans: { [BASIC]: { 'oidcc-server': { stumbles: 99 }, 'oidcc-scope-all': {} } } })
    const { modules } = await runPlan(suite, basic, { alias: 'a' }, patient)
    expect(modules.map(({ result }) => result)).to.deep.equal(['UNKNOWN', 'PASSED'])
    expect(modules[0]?.note).to.match(/503/)
  })

  it('runs a module again whose alias somebody else took, once', async () => {
    await start({ plans: { [BASIC]: { unlucky: { taken: 1 }, besieged: { taken: 9 } } } })
    const { modules } = await runPlan(suite, basic, { alias: 'a' }, patient)
    expect(modules.map(({ status }) => status)).to.deep.equal(['FINISHED', 'INTERRUPTED'])
    expect(modules[0]?.note).to.match(/^Run twice/)
    expect(imitation.calls.filter((call) => call === 'POST /api/runner')).to.have.length(4)
  })

  it('runs only the modules that were asked for', async () => {
    await start({ plans: { [BASIC]: { 'oidcc-server': {}, 'oidcc-prompt-login': {} } } })
    const { modules } = await runPlan(suite, basic, { alias: 'a' }, { ...patient, only: /prompt/ })
    expect(modules.map(({ module }) => module)).to.deep.equal(['oidcc-prompt-login'])
  })

  it('keeps why the suite did not accept a plan', async () => {
    await start({ plans: { [CONFIG]: {} } })
    const run = await runPlan(suite, basic, { alias: 'a' }, patient)
    expect(run.modules).to.deep.equal([])
    expect(run.error).to.match(/POST api\/plan: 400 .*no such plan/)
  })

  it('says of a variant what this suite asks for besides, and nothing that it does not know', async () => {
    await start({ plans: { [BASIC]: {} }, parameters: ['grant_management', 'server_metadata'] })
    await runPlan(suite, basic, { alias: 'a' }, patient)
    expect(imitation.plans[0]?.variant).to.deep.equal({
      server_metadata: 'discovery',
      client_registration: 'static_client',
      grant_management: 'disabled',
    })
  })

  it('shows its token, and says what was refused without one', async () => {
    await start({ plans: { [BASIC]: {} }, token: 'secret' }, 'secret')
    expect(await suite.availablePlans()).to.deep.equal([BASIC])
    const stranger = createSuite({ url: imitation.url, pauseMs: 1 })
    const refused = await stranger.availablePlans().catch((error: unknown) => error)
    await stranger.close()
    expect(refused).to.be.instanceOf(SuiteError)
    expect((refused as SuiteError).status).to.equal(401)
    expect(imitation.calls).to.have.length(2)
  })

  it('says who did not answer', async () => {
    await start({ plans: {} })
    await imitation.stop()
    const error = await suite.availablePlans().catch((reason: unknown) => reason)
    expect((error as SuiteError).message).to.match(/^api\/plan\/available: no answer \(.+\)$/)
  })

  it('runs plans side by side, but never two on one alias', async () => {
    const modules = Object.fromEntries(
      ['m1', 'm2', 'm3'].map(
        (name) => [name, { states: ['RUNNING', 'WAITING', 'FINISHED'] }] as const,
      ),
    )
    await start({ plans: { [BASIC]: modules, [CONFIG]: modules } })
    for (const oneAlias of [true, false]) {
      const plans = plannedFor(['basic', 'config'], { aliasPrefix: 'x', oneAlias })
      const runs = await alongAliases(plans, 4, ({ alias, ...planned }) =>
        runPlan(suite, { ...planned, alias }, { alias }, patient),
      )
      expect(runs.map(({ planned }) => planned.profile)).to.deep.equal(['basic', 'config'])
      expect(runs.flatMap((run) => run.modules.map(({ status }) => status))).to.deep.equal(
        Array(6).fill('FINISHED'),
      )
      expect(imitation.atOnce).to.equal(oneAlias ? 1 : 2)
    }
    expect(imitation.conflicts).to.equal(0)
  })
})
