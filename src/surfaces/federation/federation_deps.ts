import type { Clock } from '../../core/clock.ts'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import type { Connections } from '../../domain/federation/connections.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Pages } from '../../web/pages.ts'

/** What the routes of sources need, all together. */
export type FederationDeps = {
  db: Db
  clock: Clock
  keyring: Keyring
  clients: Pick<ClientCache, 'find'>
  connections: Connections
  recorder: EventRecorder
  pages: Pages
  limits: RateLimits
  issuer: string
  /** Ends one session with all its grants, and tells its clients. */
  endByHash(db: Db, uidHash: Buffer): Promise<void>
}
