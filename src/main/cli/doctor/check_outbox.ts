import { type Db, queryOne } from '../../../platform/persistence/db.ts'
import { bad, type Finding, ok, roughly, warn } from './finding.ts'

/** Events that wait for a worker: the audit trail and everything else that listens lags behind by them. */

const AGE_WARN_S = 60
const AGE_FAIL_S = 3_600
const REMEDY = 'Does a worker run (role all or worker)? Its log says what keeps it.'

export async function checkOutbox(db: Db): Promise<Finding> {
  const row = await queryOne<{ waiting: number; oldest_s: number }>(
    db,
    `SELECT count(*)::int AS waiting,
            coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float8 AS oldest_s
       FROM event_outbox`,
  )
  const { waiting, oldest_s: oldestS } = row!
  if (waiting === 0) return ok('outbox', 'empty')
  const message = `${waiting} events wait, the oldest for ${roughly(oldestS)}`
  if (oldestS > AGE_FAIL_S) return bad('outbox', message, REMEDY)
  return oldestS > AGE_WARN_S ? warn('outbox', message, REMEDY) : ok('outbox', message)
}
