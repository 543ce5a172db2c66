import type { Call, Kind, Thing } from './history.ts'

/**
 * Judges a history. What was not answered is in doubt: it may have been carried out or not, and
 * excuses a later "no" for what it showed, never a second "yes". The rules are in `RULES`.
 */

export type Violation = { rule: string; call: Call; why: string }

export type Allowed = {
  /**
   * A store lost in the middle of a statement does not tell whether it was carried out: a "not now"
   * is then as much in doubt as no answer. Otherwise it has to mean that nothing was done.
   */
  notNowIsInDoubt?: boolean
  /** What the fault may end before its time, by design, where it was asked for before `until`. */
  ends?: { kinds: readonly Kind[]; until: number }
}

type History = { calls: readonly Call[]; things: ReadonlyMap<string, Thing> }
type Past = History & {
  allowed: Allowed
  byThing: Map<string, Call[]>
  byFamily: Map<string, Call[]>
}
type Rule = (call: Call, past: Past) => string | undefined

/** What can be used once; what it became is what the call brought first. */
const SINGLE_USE: ReadonlySet<Kind> = new Set(['code', 'request_uri', 'refresh_token'])
/** Things that end by themselves within a run. */
const LIFETIME_MS: Partial<Record<Kind, number>> = { code: 60_000, request_uri: 60_000 }
/** Time that passes between the server's clock and ours. */
const SLACK_MS = 2_000

const RULES: Record<string, Rule> = {
  'no wrong answer': ({ answer }) => (answer.kind === 'wrong' ? answer.why : undefined),
  'what is used once becomes one thing': becameTwo,
  'nothing acknowledged is lost': lost,
  'nothing works after its end was acknowledged': worksAfterItsEnd,
}

export function check(history: History, allowed: Allowed = {}): Violation[] {
  const calls = history.calls.toSorted((a, b) => a.endedAt - b.endedAt)
  const past = { ...history, calls, allowed, ...indexed(calls, history.things) }
  return calls.flatMap((call) =>
    Object.entries(RULES).flatMap(([rule, judge]) => {
      const why = judge(call, past)
      return why === undefined ? [] : [{ rule, call, why }]
    }),
  )
}

function indexed(calls: readonly Call[], things: ReadonlyMap<string, Thing>) {
  const [byThing, byFamily] = [new Map<string, Call[]>(), new Map<string, Call[]>()]
  for (const call of calls) {
    for (const label of call.shows) {
      push(byThing, label, call)
      push(byFamily, things.get(label)!.family, call)
    }
  }
  return { byThing, byFamily }
}

function push(map: Map<string, Call[]>, key: string, call: Call): void {
  const list = map.get(key)
  if (list) list.push(call)
  else map.set(key, [call])
}

/**
 * An honest retry of a refresh is answered with the same successor; two different ones, or two
 * answers to one code, are two live chains.
 */
function becameTwo(call: Call, { byThing, things }: Past): string | undefined {
  const [became] = call.brings
  if (call.answer.kind !== 'ok' || became === undefined) return undefined
  for (const label of call.shows) {
    if (!SINGLE_USE.has(things.get(label)!.kind)) continue
    const other = byThing
      .get(label)!
      .find((each) => each.answer.kind === 'ok' && each.brings[0] && each.brings[0] !== became)
    if (other) return `${label} became ${other.brings[0]} and ${became}`
  }
  return undefined
}

/** A "no" needs a reason in what happened before: without one, what was acknowledged is gone. */
function lost(call: Call, past: Past): string | undefined {
  if (call.answer.kind !== 'refused') return undefined
  const said = `${call.op} was refused (${call.answer.status} ${call.answer.error})`
  if (call.shows.length === 0) return `${said} for no reason`
  if (call.shows.some((label) => excused(call, past.things.get(label)!, past))) return undefined
  return `${said}, and nothing had happened to ${call.shows.join(', ')}`
}

function excused(call: Call, thing: Thing, past: Past): boolean {
  const others = past.byThing.get(thing.label)!.filter((other) => before(other, call))
  const family = past.byFamily.get(thing.family)!.filter((other) => before(other, call))
  return (
    (SINGLE_USE.has(thing.kind) && others.some((other) => mayHaveUsed(other, past))) ||
    (thing.kind === 'sign_in' && others.some(mayBeHalfDone)) ||
    others.some((other) => other.ends !== undefined && mayHaveBeenDone(other, past)) ||
    family.some((other) => other.ends === 'all' && mayHaveBeenDone(other, past)) ||
    family.some((other) => isReuse(other, past)) ||
    hasEndedByItself(call, thing, past)
  )
}

/** It began before this one was over, so that this one may have met what it did. */
const before = (other: Call, call: Call) => other !== call && other.startedAt < call.endedAt

const isInDoubt = ({ answer }: Call, { notNowIsInDoubt = false }: Allowed) =>
  answer.kind === 'unanswered' || (notNowIsInDoubt && answer.kind === 'unavailable')

const mayHaveBeenDone = (call: Call, { allowed }: Past) =>
  call.answer.kind === 'ok' || isInDoubt(call, allowed)

const mayHaveUsed = (call: Call, { allowed }: Past) =>
  isInDoubt(call, allowed) || (call.answer.kind === 'ok' && call.brings.length > 0)

/** A page that came through halfway may be gone through once only. */
const mayBeHalfDone = ({ answer, brings }: Call) =>
  answer.kind === 'unavailable' ||
  answer.kind === 'unanswered' ||
  (answer.kind === 'ok' && brings.length > 0)

/** A "no" to what was used before may mean that it was taken for a theft, which ends the family. */
function isReuse(call: Call, past: Past): boolean {
  const { byThing, things, allowed } = past
  if (call.answer.kind !== 'refused' && !isInDoubt(call, allowed)) return false
  return call.shows.some(
    (label) =>
      SINGLE_USE.has(things.get(label)!.kind) &&
      byThing.get(label)!.some((other) => before(other, call) && mayHaveUsed(other, past)),
  )
}

function hasEndedByItself(call: Call, { label, kind }: Thing, past: Past): boolean {
  // What nobody brought, as a way through the pages, begins with the first call of it.
  const born =
    past.calls.find(({ brings }) => brings.includes(label)) ??
    past.byThing.get(label)!.toSorted((a, b) => a.startedAt - b.startedAt)[0]!
  const lifetimeMs = LIFETIME_MS[kind] ?? Number.POSITIVE_INFINITY
  const { ends } = past.allowed
  // Asked for before the fault was over, it may have been made under it and answered after.
  const endedByFault = ends?.kinds.includes(kind) && born.startedAt <= ends.until
  return endedByFault || call.endedAt - born.endedAt > lifetimeMs - SLACK_MS
}

function worksAfterItsEnd(call: Call, { byThing, byFamily, things }: Past): string | undefined {
  if (call.answer.kind !== 'ok' || call.ends !== undefined) return undefined
  for (const label of call.shows) {
    const { family } = things.get(label)!
    const end =
      byThing.get(label)!.find((other) => other.ends !== undefined && isOver(other, call)) ??
      byFamily.get(family)!.find((other) => other.ends === 'all' && isOver(other, call))
    if (end) return `${label} worked after ${end.op} of ${end.shows.join(', ')} was acknowledged`
  }
  return undefined
}

const isOver = (end: Call, call: Call) => end.answer.kind === 'ok' && end.endedAt < call.startedAt

/** One line for a person who has to find out what went wrong. */
export function describeViolation({ rule, call, why }: Violation): string {
  const at = (ms: number) => `${(ms / 1000).toFixed(3)} s`
  return `${rule}: ${why} (${call.actor}, ${call.op}, ${at(call.startedAt)} to ${at(call.endedAt)})`
}
