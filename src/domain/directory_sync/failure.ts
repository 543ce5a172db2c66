import { DomainError } from '../../core/errors.ts'
import { OutboundError } from '../../platform/outbound/outbound_error.ts'
import { TooManyAbsent } from './too_many_absent.ts'

/** Why a directory was not gone through to its end: one word, and the words of whoever knows, without secrets. */
export type Failure = { reason: string; detail: string }

const DETAIL_MAX = 500

/** Undefined where it is no fault of the directory or of the file of its connection. */
export function failureOf(error: unknown): Failure | undefined {
  const reason = wordFor(error)
  if (reason === undefined) return undefined
  return { reason, detail: (error as Error).message.slice(0, DETAIL_MAX) }
}

function wordFor(error: unknown): string | undefined {
  if (error instanceof TooManyAbsent) return error.reason
  if (error instanceof OutboundError) return 'unavailable'
  const ofTheFile = ['unsupported', 'invalid_input']
  return error instanceof DomainError && ofTheFile.includes(error.code) ? error.code : undefined
}
