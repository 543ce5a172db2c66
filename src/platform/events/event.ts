import { newId } from '../../core/ids.ts'

/**
 * A fact in the past tense, as it is written to the outbox. On the wire it becomes a CloudEvent
 * (specification 1.0): `id`, `type`, `subject` and `time` keep their names there. It carries opaque
 * ids of people, never a token, a code, a password or an address of theirs.
 */
export type AuthEvent = {
  id: string
  type: string
  /** ISO 8601: when it became true, which may be a while before it is written. */
  occurredAt: string
  /** Whom or what the fact is about: an account id, a client id, a kid. */
  subject: string | undefined
  data: Record<string, unknown>
}

/** Declares an event type once: its name, and how its subject is found in its data. */
export function defineEvent<Data extends Record<string, unknown>>(
  type: string,
  subjectOf: (data: Data) => string | undefined,
): ((data: Data) => AuthEvent) & { readonly type: string } {
  const make = (data: Data): AuthEvent => ({
    id: newId(),
    type,
    occurredAt: new Date().toISOString(),
    subject: subjectOf(data),
    data,
  })
  return Object.assign(make, { type })
}
