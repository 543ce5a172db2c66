import type { StoredEvent } from './relay.ts'

/** An event as it leaves the house: CloudEvents 1.0, JSON format (§3). */
export type CloudEvent = {
  specversion: '1.0'
  id: string
  /** The issuer: with `id` it names the event in the whole world. */
  source: string
  type: string
  subject?: string
  time: string
  datacontenttype: 'application/json'
  data: Record<string, unknown>
}

/** @param source the issuer identifier of this deployment */
export function cloudEventOf(event: StoredEvent, source: string): CloudEvent {
  return {
    specversion: '1.0',
    id: event.id,
    source,
    type: event.type,
    ...(event.subject === null ? {} : { subject: event.subject }),
    time: event.occurredAt.toISOString(),
    datacontenttype: 'application/json',
    data: event.data,
  }
}
