import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import { connectionSyncFailed } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { uniqueViolation } from '../../platform/persistence/sql_errors.ts'
import type { Connection } from '../federation/connection.ts'
import {
  advanceRun,
  deleteRunsBefore,
  endRun,
  findLastRun,
  type Hold,
  holdRun,
  insertRun,
  type SyncCounts,
  type SyncRun,
  takeUpRun,
} from './sync_run_store.ts'

/**
 * One run at a time for each connection, on however many nodes: a node holds it for a while and says so
 * again and again. What a node that died has held is taken up by another, which goes on with the same run.
 */
export type HeldRun = {
  run: SyncRun
  /** @throws RunIsElsewhere */
  advance(tx: Transaction, counts: SyncCounts): Promise<void>
  /** @throws RunIsElsewhere */
  end(
    tx: Transaction,
    ending: { counts: SyncCounts; reason?: string; detail?: string },
  ): Promise<void>
  /** Somebody else may go on with it at once. */
  letGo(): Promise<void>
  /** Says no longer that it is held. */
  stop(): void
}

/** Another node works on it, or has taken it up: no fault, and nothing to do here. */
export class RunIsElsewhere extends DomainError {
  constructor(message: string) {
    super('conflict', message, {
      hint: 'One that was cut off is gone on with after two minutes.',
    })
    this.name = 'RunIsElsewhere'
  }
}

const HELD_MS = 120_000
const SAY_AGAIN_MS = 30_000
/** Who was seen longer ago than this may be gone by now: the run begins anew. */
const RESUMED_WITHIN_MS = 6 * 3_600_000
const REMEMBERED_MS = 30 * 86_400_000

const NOTHING: SyncCounts = {
  seen: 0,
  created: 0,
  changed: 0,
  disabled: 0,
  enabled: 0,
  leftAlone: {},
}

/** A run of this connection: the one that was cut off, or a new one. @throws RunIsElsewhere */
export async function beginRun(
  { db, clock }: { db: Db; clock: Clock },
  { id: connectionId, name }: Connection,
): Promise<HeldRun> {
  const now = clock.now()
  const holder = newId(now.getTime())
  const until = () => new Date(clock.now().getTime() + HELD_MS)
  try {
    const run = await inTransaction(db, async (tx) => {
      const last = await findLastRun(tx, connectionId)
      if (last && !last.endedAt) return await takeUp(tx, last, { holder, now, until: until() })
      const before = new Date(now.getTime() - REMEMBERED_MS)
      await deleteRunsBefore(tx, { connectionId, before })
      return await newRun(tx, { connectionId, holder, now, until: until() })
    })
    return held({ db, clock }, run, holder, until)
  } catch (error) {
    throw uniqueViolation(error) === undefined ? error : isRunning(name)
  }

  async function takeUp(
    tx: Transaction,
    last: SyncRun,
    by: { holder: string; now: Date; until: Date },
  ): Promise<SyncRun> {
    const runId = last.id
    if (!(await takeUpRun(tx, { runId, ...by }))) throw isRunning(name)
    if (now.getTime() - last.startedAt.getTime() <= RESUMED_WITHIN_MS) {
      // Everybody is listed again; what was done for them stays done.
      return { ...last, counts: { ...last.counts, seen: 0, leftAlone: {} } }
    }
    const { counts } = last
    const reason = 'interrupted'
    await endRun(tx, { runId, holder, now, counts, reason, detail: undefined })
    await appendEvent(tx, connectionSyncFailed({ connection: name, runId, reason, ...counts }))
    return await newRun(tx, { connectionId, ...by })
  }
}

function isRunning(name: string): RunIsElsewhere {
  return new RunIsElsewhere(`The directory of ${name} is being gone through already.`)
}

async function newRun(
  tx: Transaction,
  input: { connectionId: string; holder: string; now: Date; until: Date },
): Promise<SyncRun> {
  const { connectionId, holder, now, until } = input
  const run: SyncRun = {
    id: newId(now.getTime()),
    connectionId,
    startedAt: now,
    heldUntil: until,
    counts: NOTHING,
  }
  await insertRun(tx, run, holder)
  return run
}

function held(
  { db, clock }: { db: Db; clock: Clock },
  run: SyncRun,
  holder: string,
  until: () => Date,
): HeldRun {
  const hold: Hold = { runId: run.id, holder }
  // What goes wrong here shows at the next page.
  const sayAgain = () => void holdRun(db, { ...hold, until: until() }).catch(() => {})
  const timer = setInterval(sayAgain, SAY_AGAIN_MS).unref()
  const lost = () => new RunIsElsewhere('Another node has taken up this run.')
  return {
    run,
    async advance(tx, counts) {
      if (!(await advanceRun(tx, { ...hold, counts }))) throw lost()
    },
    async end(tx, { counts, reason, detail }) {
      const now = clock.now()
      if (!(await endRun(tx, { ...hold, now, counts, reason, detail }))) throw lost()
    },
    async letGo() {
      await holdRun(db, { ...hold, until: clock.now() })
    },
    stop: () => clearInterval(timer),
  }
}
