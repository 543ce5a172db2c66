import { setTimeout as sleep } from 'node:timers/promises'
import type { Variant } from '../tables/profiles.ts'
import { assist, type Camera } from './assist.ts'
import {
  type EndState,
  type ModuleState,
  type PlanModule,
  type Suite,
  SuiteError,
} from './suite_api.ts'

/** One module from its creation to its end, whatever end that is. */

export type Condition = { condition: string; result: 'FAILURE' | 'WARNING'; message: string }

export type ModuleRun = {
  module: string
  variant: Variant
  id: string
  /** `TIMED_OUT` where the module did not end and was stopped. */
  status: EndState | 'TIMED_OUT'
  /** PASSED, WARNING, REVIEW, SKIPPED, FAILED, UNKNOWN. */
  result: string
  conditions: Condition[]
  /** What a person has to know, such as where the module stood still. */
  note?: string
  durationMs: number
}

export type RunOptions = {
  /** Milliseconds until a module is given up. */
  timeoutMs: number
  /** Milliseconds between two looks at a module that waits or has left the suite's memory. */
  pollMs: number
  camera: Camera | undefined
  /** What must happen between the creation of a module and its start. */
  beforeStart(module: string): Promise<void>
}

const ENDS: readonly EndState[] = ['FINISHED', 'INTERRUPTED']
const ALL: readonly ModuleState[] = ['CONFIGURED', 'WAITING', ...ENDS]

export async function runModule(
  suite: Suite,
  planId: string,
  wanted: PlanModule,
  options: RunOptions,
): Promise<ModuleRun> {
  const startedAt = performance.now()
  const id = await create(suite, planId, wanted, options)
  const end = await untilEnd(suite, id, wanted.testModule, options)
  const note = end ? undefined : await giveUp(suite, id)
  const { result } = await suite.info(id)
  return {
    module: wanted.testModule,
    variant: wanted.variant ?? {},
    id,
    status: end ?? 'TIMED_OUT',
    result: result ?? 'UNKNOWN',
    conditions: await conditionsOf(suite, id),
    ...(note ? { note } : {}),
    durationMs: Math.round(performance.now() - startedAt),
  }
}

/** Waits where a stranger has our alias: 409 until they are idle for a while. */
async function create(
  suite: Suite,
  planId: string,
  wanted: PlanModule,
  { timeoutMs, pollMs }: RunOptions,
): Promise<string> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await suite.createModule(planId, wanted)
    } catch (error) {
      const isTaken = error instanceof SuiteError && error.status === 409
      if (!isTaken || performance.now() > deadline) throw error
      await sleep(pollMs)
    }
  }
}

/** Undefined where its time was up. */
async function untilEnd(
  suite: Suite,
  id: string,
  module: string,
  options: RunOptions,
): Promise<EndState | undefined> {
  const deadline = performance.now() + options.timeoutMs
  let awaited = ALL
  while (performance.now() < deadline) {
    const state = await nextState(suite, id, awaited, options.pollMs)
    if (state === 'FINISHED' || state === 'INTERRUPTED') return state
    if (state === 'CONFIGURED') {
      await startIfLeftToUs(suite, id, module, options)
      awaited = ALL.filter((each) => each !== 'CONFIGURED')
    } else {
      // It waits for a browser, mostly the suite's own: look again, and help where nobody comes.
      if (state === 'WAITING') awaited = ENDS
      if (awaited === ENDS) await assist(suite, id, options.camera)
    }
  }
  return undefined
}

const SETTLE_MS = 2_000

/** Nearly every module starts by itself a moment after it is configured, and must not be started twice. */
async function startIfLeftToUs(
  suite: Suite,
  id: string,
  module: string,
  { pollMs, beforeStart }: RunOptions,
): Promise<void> {
  await sleep(Math.min(pollMs, SETTLE_MS))
  const { status } = await suite.info(id)
  if (status !== 'CONFIGURED') return
  await beforeStart(module)
  await suite.start(id)
}

async function nextState(
  suite: Suite,
  id: string,
  awaited: readonly ModuleState[],
  pollMs: number,
): Promise<ModuleState | undefined> {
  try {
    return await suite.waitState(id, awaited, pollMs)
  } catch (error) {
    // A module that has ended leaves the memory of the suite; what is stored of it stays.
    if (!(error instanceof SuiteError) || error.status !== 404) throw error
    const { status } = await suite.info(id)
    if (awaited.includes(status)) return status
    await sleep(pollMs)
    return undefined
  }
}

/** @returns what it waited for, as far as the suite says */
async function giveUp(suite: Suite, id: string): Promise<string> {
  const urls = await suite.waitingUrls(id).catch(() => [])
  await suite.stop(id).catch(() => undefined)
  return urls.length > 0 ? `Nobody went to ${urls.join(' ')}` : 'It did not end in time.'
}

async function conditionsOf(suite: Suite, id: string): Promise<Condition[]> {
  const entries = await suite.log(id)
  return entries.flatMap(({ src = '', msg = '', result }) =>
    result === 'FAILURE' || result === 'WARNING' ? [{ condition: src, result, message: msg }] : [],
  )
}
