import { pino } from 'pino'
import { type Clock, systemClock } from '../../../src/core/clock.ts'
import type { ConnectorDeps, ConnectorKind } from '../../../src/domain/federation/connector.ts'

/** What the tests of the connectors have in common. */

const OUR_ISSUER = 'https://auth.example.test'

export function callbackOf(name: string): string {
  return `${OUR_ISSUER}/federation/${name}/callback`
}

export function connectorDeps(
  outbound: ConnectorDeps['outbound'],
  clock: Clock = systemClock,
): ConnectorDeps {
  return { clock, log: pino({ level: 'silent' }), outbound, issuer: OUR_ISSUER }
}

/** What a file says, read by the kind's own schema. */
export function settingsOf<Settings>(kind: ConnectorKind<Settings>, file: object): Settings {
  return kind.settings.parse(file)
}

/** The faults that a schema names, as `path: message`. */
export function faultsOf(kind: ConnectorKind, file: object): string[] {
  const { error } = kind.settings.safeParse(file)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}
