import cluster, { type Worker as Member } from 'node:cluster'
import { RestartDelay } from '../../core/restart_delay.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import type { ProcessMetrics } from '../../platform/observability/metrics.ts'
import type { DbConnection } from '../../platform/persistence/db.ts'
import type { FromMember, ToMember } from './messages.ts'

/** A member that leaves so many questions in a row unanswered hangs. */
const UNANSWERED_MAX = 4
const ASK_EVERY_MS = 3_000
/** One that does not measure itself in this time is left out of a scrape. */
const MEASURE_MS = 1_000

/** The place of a member, whoever fills it. */
type Slot = {
  readonly number: number
  member?: Member
  serving: boolean
  unanswered: number
  startedAt: number
  readonly delay: RestartDelay
  retry?: NodeJS.Timeout
}

export type MembersOptions = {
  size: number
  log: Logger
  database: DbConnection | undefined
}

/** Starts so many members and keeps them running until `stop`. */
export class Members {
  readonly #log: Logger
  readonly #database: DbConnection | undefined
  readonly #slots: Slot[]
  readonly #measuring = new Map<number, (metrics: ProcessMetrics | undefined) => void>()
  #questions = 0
  #stopping = false
  #asking: NodeJS.Timeout | undefined

  constructor({ size, log, database }: MembersOptions) {
    this.#log = log
    this.#database = database
    this.#slots = Array.from({ length: size }, (_, i) => ({
      number: i + 1,
      serving: false,
      unanswered: 0,
      startedAt: 0,
      delay: new RestartDelay(),
    }))
    // Every member accepts for itself. A connection that is handed out is lost without an end where
    // the member dies before it has it: its client would wait for ever. (It has to be said first.)
    cluster.schedulingPolicy = cluster.SCHED_NONE
    // JSON has no word for a measurement that is not a number.
    cluster.setupPrimary({ serialization: 'advanced' })
  }

  /**
   * The first member begins alone: what keeps it from serving would keep all of them, and is said
   * once, by itself. The others are begun, not waited for.
   */
  async start(): Promise<'serving' | 'failed' | 'stopped'> {
    const [first, ...others] = this.#slots
    const member = this.#launch(first!)
    const serves = await new Promise<boolean>((resolve) => {
      member.on('message', ({ kind }: FromMember) => kind === 'serving' && resolve(true))
      member.once('exit', () => resolve(false))
    })
    if (this.#stopping) return 'stopped'
    if (!serves) return 'failed'
    for (const slot of others) this.#launch(slot)
    this.#asking = setInterval(() => this.#askAll(), ASK_EVERY_MS)
    return 'serving'
  }

  /** Each drains for itself, all at once. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#asking)
    for (const { retry } of this.#slots) clearTimeout(retry)
    await Promise.all(
      this.#slots.map(async ({ member }) => {
        if (!member || member.isDead()) return
        const ended = new Promise((resolve) => member.once('exit', resolve))
        member.process.kill('SIGTERM')
        await ended
      }),
    )
  }

  #launch(slot: Slot): Member {
    const member = cluster.fork()
    Object.assign(slot, { member, serving: false, unanswered: 0, startedAt: Date.now() })
    member.on('message', (message: FromMember) => this.#hear(slot, message))
    // Of a channel that broke its end is told as well.
    member.on('error', () => {})
    member.once('exit', (code, signal) => this.#ended(slot, { code, signal }))
    say(member, { kind: 'begin', number: slot.number, database: this.#database })
    return member
  }

  #hear(slot: Slot, message: FromMember): void {
    slot.unanswered = 0
    if (message.kind === 'serving') this.#serves(slot)
    if (message.kind === 'measured') this.#measuring.get(message.question)?.(message.metrics)
    if (message.kind === 'measure_all') void this.#answerScrape(slot, message.question)
  }

  #serves(slot: Slot): void {
    slot.serving = true
    if (this.#slots.every(({ serving }) => serving)) {
      this.#log.info({ processes: this.#slots.length }, 'all processes serve')
    }
  }

  #ended(slot: Slot, { code, signal }: { code: number | null; signal: string | null }): void {
    const { number, serving: served, startedAt } = slot
    slot.serving = false
    if (this.#stopping) return
    // The start itself is over for good where its first member cannot serve.
    if (!this.#asking && number === 1 && !served) return
    slot.delay.livedFor(Date.now() - startedAt)
    const delayMs = slot.delay.next()
    const fields = { ended_pid: slot.member?.process.pid, exit_code: code, signal }
    this.#log.error(
      { number, ...fields, next_try_ms: delayMs },
      'a process ended and is started again',
    )
    slot.retry = setTimeout(() => this.#launch(slot), delayMs)
  }

  #askAll(): void {
    for (const slot of this.#slots) {
      const { member, serving, number } = slot
      if (!member || !serving) continue
      if (slot.unanswered >= UNANSWERED_MAX) {
        this.#log.error({ number, hanging_pid: member.process.pid }, 'a process hangs and is ended')
        slot.serving = false
        member.process.kill('SIGKILL')
      } else {
        slot.unanswered += 1
        say(member, { kind: 'are_you_there' })
      }
    }
  }

  async #answerScrape(slot: Slot, question: number): Promise<void> {
    const serving = this.#slots.filter((each) => each.serving)
    const measured = await Promise.all(serving.map(({ member }) => this.#measure(member!)))
    if (!slot.member) return
    const known = measured.filter((metrics) => metrics !== undefined)
    say(slot.member, { kind: 'all_measured', question, measured: known })
  }

  #measure(member: Member): Promise<ProcessMetrics | undefined> {
    this.#questions += 1
    const question = this.#questions
    return new Promise((resolve) => {
      const settle = (metrics?: ProcessMetrics) => {
        clearTimeout(late)
        this.#measuring.delete(question)
        resolve(metrics)
      }
      const late = setTimeout(settle, MEASURE_MS)
      this.#measuring.set(question, settle)
      say(member, { kind: 'measure', question })
    })
  }
}

/** A member that is ending need not hear it. */
function say(member: Member, message: ToMember): void {
  if (member.isConnected()) member.process.send?.(message, undefined, undefined, () => {})
}
