import { readFileSync } from 'node:fs'
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'
import type { Outbound, OutboundDeps } from '../platform/outbound/outbound.ts'

export type LazyOutbound = Pick<Outbound, 'request' | 'fetch'> & { close(): Promise<void> }

/** The outbound client and its HTTP stack: a fifth of the memory at rest, for what may never be called. */
export function outboundAtFirstUse(
  config: Pick<ConfigBeforeSecrets, 'security' | 'server'>,
  log: OutboundDeps['log'],
): LazyOutbound {
  let opened: Promise<Outbound> | undefined
  const get = (): Promise<Outbound> => {
    opened ??= import('../platform/outbound/outbound.ts').then(({ createOutbound }) =>
      createOutbound(outboundPolicy(config), { log }),
    )
    return opened
  }
  return {
    request: async (input) => (await get()).request(input),
    fetch: async (input, options) => (await get()).fetch(input, options),
    close: async () => await (await opened)?.close(),
  }
}

export function outboundPolicy({
  security,
  server,
}: Pick<ConfigBeforeSecrets, 'security' | 'server'>) {
  return {
    allow: security.outboundAllow,
    // Nobody makes us call ourselves.
    deny: [new URL(server.issuer).hostname],
    ...(security.outboundCaFile ? { ca: readFileSync(security.outboundCaFile, 'utf8') } : {}),
  }
}
