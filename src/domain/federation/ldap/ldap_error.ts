import { OutboundError, type OutboundReason } from '../../../platform/outbound/outbound_error.ts'

/** Why a directory could not be asked: a closed list, each with what a person can do. */
const REASONS = {
  dns: {
    sentence: 'the name could not be resolved',
    advice: 'check the spelling of the server and the resolver of this machine',
  },
  connect: {
    sentence: 'the connection failed',
    advice: 'check that the server runs, its port, and the firewalls between',
  },
  timeout: {
    sentence: 'there was no answer in time',
    advice: 'check that the server is well and not behind a firewall that drops what it refuses',
  },
  unable: {
    sentence: 'the server says that it cannot answer now',
    advice: 'look into the log of the server',
  },
  untrusted: {
    sentence: 'the certificate of the server is not trusted',
    advice: 'name the file of the authority that issued it in ca_file',
  },
  wrong_name: {
    sentence: 'the certificate of the server is for another name',
    advice: 'write the server as its certificate names it, or name that in server_name',
  },
  tls: {
    sentence: 'TLS could not be agreed on',
    advice:
      'check that the port speaks TLS 1.2 or later, and the client certificate if one is wanted',
  },
  files: {
    sentence: 'a certificate file of ours cannot be read',
    advice: 'check ca_file and client_certificate: each a readable file in PEM',
  },
  starttls_refused: {
    sentence: 'the server does not begin TLS (StartTLS)',
    advice:
      'use an ldaps:// address, or give the server a certificate; nothing was sent in the clear',
  },
  bind_refused: {
    sentence: 'the server refuses bind_dn or its password',
    advice: 'check bind_dn and bind_password, and that the account is neither locked nor expired',
  },
  wants_tls: {
    sentence: 'the server wants TLS',
    advice: 'use ldaps:// or leave out `tls: none`',
  },
  base_missing: {
    sentence: 'there is no such base DN',
    advice: 'check base_dn, and that the account that searches may read it',
  },
  unreadable: {
    sentence: 'the entry of whoever signed in cannot be read',
    advice: 'check the base DN and the filter, or name a bind_dn that may read people',
  },
  no_subject: {
    sentence: 'the entry has no immutable id',
    advice: 'check subject_attribute, and that the account that searches may read it',
  },
  referral: {
    sentence: 'the server refers to another one, and referrals are not followed',
    advice: 'name the server that holds the base DN itself',
  },
  too_large: {
    sentence: 'the answer is too large',
    advice: 'narrow the filter, or raise limits.answer_bytes',
  },
  protocol: {
    sentence: 'the answer is not valid LDAP',
    advice: 'check that the port is that of a directory',
  },
  refused: {
    sentence: 'the server refuses the request',
    advice: 'look the result code up in the log of the server',
  },
  busy: {
    sentence: 'all connections are in use',
    advice: 'raise pool.max_connections, or find out why the directory is slow',
  },
  circuit_open: {
    sentence: 'the directory has failed too often and is being left alone',
    advice: 'it is tried again by itself; see the log for why it failed',
  },
  closed: { sentence: 'the connection was closed', advice: 'try again' },
} as const satisfies Record<string, { sentence: string; advice: string }>

export type LdapReason = keyof typeof REASONS

/** Those that speak of one server, not of what was asked: another may do better. */
const SERVER_FAULTS: ReadonlySet<LdapReason> = new Set([
  'dns',
  'connect',
  'timeout',
  'unable',
  'untrusted',
  'wrong_name',
  'tls',
  'starttls_refused',
  'protocol',
])

/**
 * Those after which a directory is left alone, if they come in a row. An account of ours that is
 * refused again and again would be locked. What is too large is one entry, and being busy is us.
 */
const CIRCUIT_FAULTS: ReadonlySet<LdapReason> = new Set([...SERVER_FAULTS, 'bind_refused'])

/**
 * The one error of this folder. Safe to log and to show to operators: it holds a server, a sentence
 * and a code, never what was sent or the server's own words, which may repeat it. For that reason the
 * underlying error is not kept as `cause`.
 */
export class LdapError extends Error {
  readonly reason: LdapReason
  readonly server: string
  /** Of Node (`ECONNREFUSED`), or the result code (RFC 4511 appendix A). */
  readonly code: string | undefined

  /** @param server as `ldaps://host:636`, or the name of the connection where it is about none */
  constructor(reason: LdapReason, server: string, code?: string) {
    super(`${server}: ${REASONS[reason].sentence}${code ? ` (${code})` : ''}`)
    this.name = 'LdapError'
    this.reason = reason
    this.server = server
    this.code = code
  }

  get advice(): string {
    return REASONS[this.reason].advice
  }
}

export function isServerFault(error: unknown): boolean {
  return error instanceof LdapError && SERVER_FAULTS.has(error.reason)
}

export function opensCircuit(error: unknown): boolean {
  return error instanceof LdapError && CIRCUIT_FAULTS.has(error.reason)
}

const NAME_FAULTS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA'])
const TRUST_FAULT =
  /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_(HAS_EXPIRED|NOT_YET|REVOKED|UNTRUSTED|REJECTED|SIGNATURE)|INVALID_(CA|PURPOSE)|PATH_LENGTH/

/** Translates what Node threw while a connection was opened or used. */
export function toLdapError(error: unknown, server: string): LdapError {
  if (error instanceof LdapError) return error
  const { name, code } = (error ?? {}) as { name?: string; code?: unknown }
  if (name === 'TimeoutError' || name === 'AbortError') return new LdapError('timeout', server)
  const word = typeof code === 'string' ? code : undefined
  return new LdapError(reasonOf(word ?? ''), server, word)
}

function reasonOf(code: string): LdapReason {
  if (NAME_FAULTS.has(code)) return 'dns'
  if (code === 'ETIMEDOUT') return 'timeout'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'wrong_name'
  if (TRUST_FAULT.test(code)) return 'untrusted'
  return /^(ERR_(SSL|TLS)|EPROTO)/.test(code) ? 'tls' : 'connect'
}

const OUTBOUND_REASONS: Partial<Record<LdapReason, OutboundReason>> = {
  dns: 'dns',
  timeout: 'timeout',
  too_large: 'too_large',
  protocol: 'protocol',
  circuit_open: 'circuit_open',
}

/** For callers that know one error for every source; our reason becomes its code. */
export function asOutboundError(error: unknown): unknown {
  if (!(error instanceof LdapError)) return error
  const { reason, server, code } = error
  return new OutboundError(
    OUTBOUND_REASONS[reason] ?? 'connect',
    server,
    [`LDAP ${reason}`, code].filter(Boolean).join(' '),
  )
}
