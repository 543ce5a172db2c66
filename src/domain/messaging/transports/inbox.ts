import type { Channel } from '../kinds.ts'
import type { Transport } from './transport.ts'

/** Sends nothing: outside production a message without a way out stays where the development inbox shows it. */
export function createInbox(channel: Channel): Transport {
  return { name: 'inbox', channel, send: async () => ({ kind: 'accepted' }) }
}
