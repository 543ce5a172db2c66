import type { Clock } from '../../../core/clock.ts'
import type { ConnectorDeps, ConnectorLog } from '../connector.ts'
import { type IdpSource, openIdpSource } from './idp_source.ts'
import type { SamlSettings } from './settings.ts'
import { readSpKeys, type SpKeys } from './sp_keys.ts'

/** Us as one service provider towards one identity provider: what every message is made or read with. */
export type SamlParty = {
  /** Of the connection. */
  name: string
  settings: SamlSettings
  /** Ours. */
  entityId: string
  /** AssertionConsumerService. */
  acsUri: string
  /** SingleLogoutService. */
  sloUri: string
  idp: IdpSource
  /** @throws SamlFault by `sp_key` */
  keys(): SpKeys
  clock: Clock
  log: ConnectorLog
}

export type OpenInput = {
  name: string
  settings: SamlSettings
  secrets: Readonly<Record<string, string>>
}

/** Where the messages of a connection come to us; its metadata says the same. */
export function samlUris(issuer: string, name: string) {
  const base = `${issuer}/federation/${encodeURIComponent(name)}`
  return { metadata: `${base}/metadata`, acs: `${base}/callback`, slo: `${base}/logout` }
}

export function openParty({ name, settings, secrets }: OpenInput, deps: ConnectorDeps): SamlParty {
  const uris = samlUris(deps.issuer, name)
  let keys: SpKeys | undefined
  return {
    name,
    settings,
    entityId: settings.entity_id ?? uris.metadata,
    acsUri: uris.acs,
    sloUri: uris.slo,
    idp: openIdpSource(name, settings.idp, deps),
    keys: () => {
      keys ??= readSpKeys(settings, secrets)
      return keys
    },
    clock: deps.clock,
    log: deps.log,
  }
}
