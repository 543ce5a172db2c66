import { randomUUID } from 'node:crypto'

/**
 * A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits, so that rows
 * made together lie together in an index. For names of things, never for secrets.
 *
 * @param nowMs milliseconds since the Unix epoch
 */
export function newId(nowMs: number = Date.now()): string {
  const time = nowMs.toString(16).padStart(12, '0')
  // Node keeps random bits for these in stock; their version and time are replaced.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for the one textual form that `newId` writes: lower case, hyphens, no braces. */
export function isId(value: string): boolean {
  return UUID.test(value)
}
