/**
 * How the built-in database is tuned: one product, tens of connections, a machine that has other
 * things to do. Written on the command line, so that every start brings the present version's.
 */

/** What `settings` may override. */
const DEFAULTS = {
  shared_buffers: '64MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  max_connections: '60',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  // No replicas and no archive hang on this server; whoever wants them brings a DATABASE_URL.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_replication_slots: '0',
  max_logical_replication_workers: '0',
  // Short statements only: parallel plans and compiled ones cost more than they bring, and parallel
  // plans need more of /dev/shm than containers grant.
  max_parallel_workers_per_gather: '0',
  max_worker_processes: '2',
  jit: 'off',
  autovacuum_max_workers: '2',
  timezone: 'UTC',
  // The statement and its values never reach the log, only what was wrong with it.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
}

/** Introduced by PostgreSQL 18: reads are few, three more processes for them are not worth it. */
const SINCE_18 = { io_method: 'sync' }

/** What we rely on, whatever `settings` say. */
const PINNED = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  unix_socket_group: '',
  ssl: 'off',
  fsync: 'on',
  full_page_writes: 'on',
  // We read what it writes: on our descriptor, in English.
  logging_collector: 'off',
  log_destination: 'stderr',
  log_line_prefix: '%m [%p] ',
  log_timezone: 'UTC',
  lc_messages: 'C',
}

export function serverSettings(wanted: {
  major: number
  socketDir: string
  port: number
  extra: Record<string, string>
}): Record<string, string> {
  return {
    ...DEFAULTS,
    ...(wanted.major >= 18 && SINCE_18),
    ...wanted.extra,
    ...PINNED,
    port: String(wanted.port),
    // A list of paths, in which a path with a comma or a quote must be quoted.
    unix_socket_directories: `"${wanted.socketDir.replaceAll('"', '""')}"`,
  }
}
