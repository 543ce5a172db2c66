import type { Availability } from '../../support/skip.ts'
import type { Caller } from './asking.ts'
import type { Kind } from './history.ts'
import type { Stand } from './stand.ts'

/** `short` for every run of the tests, `long` for `npm run chaos`. */
export type Form = 'short' | 'long'

export type Setting = {
  stand: Stand
  /** Who comes for something that not every deployment has, by name. */
  visitors?: Record<string, Visitor>
  stop(): Promise<void>
}

/** One visit, that writes itself down. */
export type Visitor = (caller: Caller) => Promise<void>

/** Undoes the fault; resolves when the cause is gone, not when the server has noticed. */
export type Heal = () => Promise<void>

/** What clients meet besides an answer: `unavailable` is 503, `unanswered` none. */
export type Trouble = 'unavailable' | 'unanswered'

export type Fault<S extends Setting = Setting> = {
  /** For `--only`. */
  name: string
  /** A sentence about what happens. */
  what: string
  needs?(): Availability
  strike(setting: S, form: Form): Promise<Heal>
  /** At least; with `mustMeet` until that was met. */
  lastsMs: Record<Form, number>
  /** How often, one recovery after the other; once by default. */
  rounds?: Record<Form, number>
  /** What may be met; anything else fails. */
  meets: readonly Trouble[]
  /** Only this actor may meet it. */
  onlyFor?: string
  /** What has to be met, or it did not happen. */
  mustMeet?: Trouble
  /** A 503 may stand for a statement whose fate nobody knows. */
  notNowIsInDoubt?: boolean
  /** What ends before its time, by design, if it was there before the end of the fault. */
  ends?: readonly Kind[]
}

/** Faults of one deployment, which survives them all. */
export type Group<S extends Setting = Setting> = {
  title: string
  needs(): Availability
  start(form: Form): Promise<S>
  faults: readonly Fault<S>[]
}

export const ALWAYS: Availability = { ok: true }
