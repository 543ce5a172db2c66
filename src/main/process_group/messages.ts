import type { ProcessMetrics } from '../../platform/observability/metrics.ts'
import type { DbConnection } from '../../platform/persistence/db.ts'

/** What the supervisor and its members say to each other. */

export type ToMember =
  /** The first message. Members are numbered from 1; one that is started again keeps its number. */
  | { kind: 'begin'; number: number; database: DbConnection | undefined }
  | { kind: 'are_you_there' }
  | { kind: 'measure'; question: number }
  | { kind: 'all_measured'; question: number; measured: ProcessMetrics[] }

export type FromMember =
  | { kind: 'serving' }
  | { kind: 'here' }
  | { kind: 'measured'; question: number; metrics: ProcessMetrics }
  | { kind: 'measure_all'; question: number }
