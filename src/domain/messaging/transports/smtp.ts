import { getCACertificates } from 'node:tls'
import type { Transporter } from 'nodemailer'
import type SMTPPool from 'nodemailer/lib/smtp-pool/index.js'
import { isAddress } from './address.ts'
import type { SendOutcome, Transport } from './transport.ts'

/**
 * Mail by SMTP (RFC 5321), with TLS that cannot be argued away: `smtps://` begins with it, `smtp://`
 * has to go over to it (STARTTLS, RFC 3207) before a name or a message is sent. A 5xx answer to the
 * recipient or the message is final; to us (authentication, policy of the connection), or a 4xx, it
 * is the server that cannot, and another may.
 */
export type SmtpOptions = {
  name: string
  /** `smtps://user:password@host:465` or `smtp://user:password@host:587`, parts percent-encoded. */
  url: string
  tls: 'required' | 'opportunistic' | 'off'
  /** `Name <address>` or an address. */
  from: string
  /** Where bounces go (RFC 5321 §4.1.1.2); the address of `from` where absent. */
  envelopeFrom?: string | undefined
  dkim?: { domainName: string; keySelector: string; privateKey: string } | undefined
  /** What a provider behind the server wants to hear, by the id of our message. */
  headersOf?: ((messageId: string) => Record<string, WrittenHeader>) | undefined
  /** PEM certificates trusted besides the ones Node trusts. */
  ca?: string | undefined
  /** Milliseconds to connect, to be greeted, and between two answers. */
  timeoutsMs?: { connect: number; greeting: number; idle: number }
}

/** A line of printable ASCII that goes out as it is: neither encoded nor folded. */
export type WrittenHeader = { prepared: true; value: string }

type Pool = Transporter<SMTPPool.SentMessageInfo>

const TIMEOUTS_MS = { connect: 5_000, greeting: 5_000, idle: 10_000 }
const CONNECTIONS = 5

export function createSmtpTransport(options: SmtpOptions): Transport {
  let opened: Promise<Pool> | undefined
  return {
    name: options.name,
    channel: 'email',
    async send(message) {
      // nodemailer reads a list of recipients out of what it is given.
      if (!isAddress('email', message.to)) {
        return { kind: 'rejected', reason: 'malformed address' }
      }
      opened ??= openPool(options)
      const pool = await opened
      try {
        const sent = await pool.sendMail({
          messageId: `<${message.id}@${domainOf(options.from)}>`,
          from: options.from,
          to: { name: '', address: message.to },
          envelope: { from: options.envelopeFrom ?? addressOf(options.from), to: [message.to] },
          subject: message.subject,
          text: message.text,
          html: message.html,
          // RFC 3834 §5: no vacation notice comes back.
          headers: {
            'Auto-Submitted': 'auto-generated',
            'X-Auto-Response-Suppress': 'All',
            ...options.headersOf?.(message.id),
          },
          disableFileAccess: true,
          disableUrlAccess: true,
        })
        return { kind: 'accepted', providerId: sent.messageId }
      } catch (error) {
        return outcomeOf(error as SmtpError)
      }
    },
    async close() {
      const pool = await opened?.catch(() => undefined)
      pool?.close()
    },
  }
}

/** nodemailer is loaded when the first mail goes out, and never where none does. */
async function openPool(options: SmtpOptions): Promise<Pool> {
  const { createTransport } = await import('nodemailer')
  const { protocol, hostname, port, username, password } = new URL(options.url)
  const { connect, greeting, idle } = options.timeoutsMs ?? TIMEOUTS_MS
  const secure = protocol === 'smtps:'
  return createTransport({
    pool: true,
    maxConnections: CONNECTIONS,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (secure ? 465 : 587),
    secure,
    requireTLS: options.tls === 'required',
    ignoreTLS: !secure && options.tls === 'off',
    ...(username
      ? { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }
      : {}),
    tls: {
      minVersion: 'TLSv1.2',
      ...(options.ca ? { ca: [...getCACertificates('default'), options.ca] } : {}),
    },
    connectionTimeout: connect,
    greetingTimeout: greeting,
    socketTimeout: idle,
    dnsTimeout: connect,
    ...(options.dkim ? { dkim: options.dkim } : {}),
  })
}

type SmtpError = Error & { code?: string; responseCode?: number; command?: string }

/** About the recipient or the message, and nothing about us. */
const FINAL_COMMANDS = new Set(['RCPT TO', 'DATA', 'API'])

function outcomeOf(error: SmtpError): SendOutcome {
  const { responseCode, command = '', code = error.name } = error
  // The words of the server may repeat the address; its numbers are enough.
  const reason = responseCode === undefined ? code : `${responseCode} after ${command || code}`
  if (code === 'EENVELOPE' && responseCode === undefined) return { kind: 'rejected', reason }
  const final = responseCode !== undefined && responseCode >= 500 && FINAL_COMMANDS.has(command)
  return { kind: final ? 'rejected' : 'unavailable', reason }
}

/** `a@b` of `Name <a@b>`. */
function addressOf(from: string): string {
  return /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim()
}

function domainOf(from: string): string {
  const address = addressOf(from)
  return address.slice(address.lastIndexOf('@') + 1)
}
