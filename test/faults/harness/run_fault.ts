import { setTimeout as sleep } from 'node:timers/promises'
import { audit } from './audit.ts'
import { check, describeViolation } from './checker.ts'
import type { Fault, Form, Setting, Trouble } from './fault.ts'
import { type Call, History } from './history.ts'
import { type Load, PROBES, startLoad } from './load.ts'

/** One fault under load: calm, broken, healed, calm, and then the history is judged. */

export type Outcome = {
  name: string
  /** From the end of the fault until everything has been done once more. */
  recoveredMs: number
  /** Of the calls that were under way or began between the fault and the recovery. */
  people: Tally
  clients: Tally
  calls: number
}

export type Tally = { ok: number; unavailable: number; unanswered: number; longestMs: number }

/** Pages that people see; everything else is asked by programs. */
const PAGES: ReadonlySet<string> = new Set([
  'authorize',
  'page',
  'login',
  'consent',
  'go back',
  'visit',
])
const CALM_MS = { short: 400, long: 1_500 }
const PATIENCE_MS = 60_000

type Options = { form: Form; seed: number }
/** One time that it was broken, in milliseconds of the history. */
type Round = { struckAt: number; healedAt: number; recoveredAt: number }

/** @throws with everything that was wrong, and the seed to have it again */
export async function runFault(
  setting: Setting,
  fault: Fault,
  { form, seed }: Options,
): Promise<Outcome> {
  const { stand } = setting
  const history = new History()
  const rounds: Round[] = []
  const load = startLoad(setting, history, seed)
  const wrong: string[] = []
  try {
    await everythingDone(history, load, 0, setting)
    for (let n = 0; n < (fault.rounds?.[form] ?? 1); n++) {
      await sleep(CALM_MS[form])
      rounds.push(await breakOnce({ setting, fault, form, history, load }))
    }
    await sleep(CALM_MS[form])
  } catch (error) {
    wrong.push(String(error))
  }
  await load.stop()
  if (wrong.length === 0) await audit(stand, history, load.left)
  const during = history.calls.filter((call) =>
    rounds.some((round) => call.endedAt > round.struckAt && call.startedAt < round.recoveredAt),
  )
  const until = rounds.at(-1)?.healedAt ?? 0
  const allowed = {
    notNowIsInDoubt: fault.notNowIsInDoubt ?? false,
    ...(fault.ends ? { ends: { kinds: fault.ends, until } } : {}),
  }
  wrong.push(
    ...check(history, allowed).map(describeViolation),
    ...troubles(history.calls, fault),
    ...lastWords(stand.server.output()),
  )
  if (wrong.length > 0) throw new Error(report(fault, seed, wrong, rounds))
  return {
    name: fault.name,
    recoveredMs: Math.max(...rounds.map(({ healedAt, recoveredAt }) => recoveredAt - healedAt)),
    people: tally(during.filter(({ op }) => PAGES.has(op))),
    clients: tally(during.filter(({ op }) => !PAGES.has(op))),
    calls: history.calls.length,
  }
}

type Run = { setting: Setting; fault: Fault; form: Form; history: History; load: Load }

async function breakOnce({ setting, fault, form, history, load }: Run): Promise<Round> {
  const struckAt = performance.now()
  const heal = await fault.strike(setting, form)
  try {
    await sleep(fault.lastsMs[form])
    if (fault.mustMeet) await met(history, fault.mustMeet, struckAt)
  } finally {
    await heal()
  }
  const healedAt = performance.now()
  return { struckAt, healedAt, recoveredAt: await everythingDone(history, load, healedAt, setting) }
}

async function met({ calls }: History, trouble: Trouble, since: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!calls.some(({ answer, endedAt }) => answer.kind === trouble && endedAt > since)) {
    if (performance.now() > deadline) {
      throw new Error(`the fault did not show: nothing was ${trouble}`)
    }
    await sleep(10)
  }
}

/** When each probe and visitor had a yes after this moment; @returns when the last of them had it */
async function everythingDone(
  { calls }: History,
  load: Load,
  since: number,
  { visitors = {} }: Setting,
): Promise<number> {
  const wanted = [
    ...PROBES.map((op) => ({ actor: `probe ${op}`, op })),
    ...Object.keys(visitors).map((name) => ({ actor: `visitor ${name}`, op: 'visit' })),
  ]
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    load.assertGoing()
    const firsts = wanted.map(({ actor, op }) =>
      calls.find(
        (call) =>
          call.actor === actor &&
          call.op === op &&
          call.answer.kind === 'ok' &&
          call.endedAt > since,
      ),
    )
    if (firsts.every((call) => call !== undefined)) {
      return Math.max(...firsts.map((call) => call.endedAt))
    }
    if (performance.now() > deadline) {
      const missing = wanted.filter((_, n) => !firsts[n]).map(({ actor }) => actor)
      throw new Error(`not done within ${PATIENCE_MS} ms: ${missing.join(', ')}`)
    }
    await sleep(10)
  }
}

function troubles(calls: readonly Call[], fault: Fault): string[] {
  const found: string[] = []
  for (const { op, actor, answer } of calls) {
    if (answer.kind !== 'unavailable' && answer.kind !== 'unanswered') continue
    const mayBe = fault.onlyFor === undefined || fault.onlyFor === actor
    if (mayBe && fault.meets.includes(answer.kind)) continue
    const why = answer.kind === 'unanswered' ? ` (${answer.why})` : ''
    found.push(`${actor}: ${op} was ${answer.kind}${why}`)
  }
  return found
}

/** Of a server that did not know what to do. */
function lastWords(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => /nobody (caught|handled)|"status":500/.test(line))
    .map((line) => `the server said: ${line.slice(0, 1_000)}`)
}

function tally(calls: readonly Call[]): Tally {
  const count = (kind: string) => calls.filter(({ answer }) => answer.kind === kind).length
  return {
    ok: count('ok'),
    unavailable: count('unavailable'),
    unanswered: count('unanswered'),
    longestMs: Math.max(0, ...calls.map(({ startedAt, endedAt }) => endedAt - startedAt)),
  }
}

function report(
  { name }: Fault,
  seed: number,
  wrong: readonly string[],
  rounds: readonly Round[],
): string {
  const at = (ms: number) => (ms / 1000).toFixed(3)
  const times = rounds.map((round) => `${at(round.struckAt)} to ${at(round.healedAt)} s`)
  const more = wrong.length > 20 ? `\n… and ${wrong.length - 20} more` : ''
  return `${name}, seed ${seed}, broken ${times.join(', ')}:\n${wrong.slice(0, 20).join('\n')}${more}`
}
