import { type Db, queryOne } from '../../../platform/persistence/db.ts'
import { bad, type Finding, ok, roughly, warn } from './finding.ts'

/** Events that wait for a worker: the audit trail and everything else that listens lags behind by them. */

const AGE_WARN_S = 60
const AGE_FAIL_S = 3_600
const REMEDY = 'Does a worker run (role all or worker)? Its log says what keeps it.'

/** More are not counted: a look must not become a burden. */
const COUNT_MAX = 100_000

export async function checkOutbox(db: Db): Promise<Finding> {
  const row = await queryOne<{ waiting: number; oldest_s: number | null }>(
    db,
    `SELECT (SELECT count(*)::int
               FROM (SELECT 1 FROM event_outbox LIMIT ${COUNT_MAX}) AS counted) AS waiting,
            (SELECT extract(epoch FROM now() - occurred_at)::float8
               FROM event_outbox ORDER BY id LIMIT 1) AS oldest_s`,
  )
  const { waiting, oldest_s: ageS } = row!
  if (waiting === 0 || ageS === null) return ok('outbox', 'empty')
  const count = waiting < COUNT_MAX ? waiting : `${COUNT_MAX} or more`
  const message = `${count} events wait, the oldest for ${roughly(Math.max(ageS, 0))}`
  if (ageS > AGE_FAIL_S) return bad('outbox', message, REMEDY)
  return ageS > AGE_WARN_S ? warn('outbox', message, REMEDY) : ok('outbox', message)
}
