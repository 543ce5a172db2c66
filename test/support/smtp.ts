import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { type Issued, issueCertificate } from './certificates.ts'

/**
 * A real mail server for tests: STARTTLS and a password are required unless told otherwise, answers
 * can be scripted, and what it took is parsed.
 *
 *     const mail = await startSmtp()
 *     const server = await startAuthCore({ worker: true, env: mail.env() })
 *     const { code, link } = await mail.next('ada@example.test')
 */
export type ReceivedMail = {
  /** The envelope (RFC 5321), not the headers. */
  from: string
  to: string[]
  /** Whether it came over TLS, and who logged in. */
  tls: boolean
  user: string | undefined
  subject: string
  text: string
  html: string
  /** As it came over the wire. */
  raw: string
  parsed: ParsedMail
  /** The first run of four to eight digits in the text that stands alone. */
  code: string | undefined
  /** The first http(s) address in the text. */
  link: string | undefined
}

/** What the server says next, in place of its own answer; `hang` says nothing at all. */
export type Answer =
  | { at: 'connect' | 'from' | 'to' | 'data'; code: number }
  | { at: 'data'; hang: true }

export type SmtpSink = {
  port: number
  url: string
  received: ReceivedMail[]
  /** How many connections were opened, ever. */
  connections(): number
  /** PEM of the authority that its certificate is from. */
  ca: string
  /** Answers so for the next `times` mails. */
  answer(answer: Answer, times?: number): void
  /** The first mail to this address that was not asked for yet; waits for it. */
  next(to: string, timeoutMs?: number): Promise<ReceivedMail>
  /** For `startAuthCore`. */
  env(): Record<string, string>
  stop(): Promise<void>
}

export type SmtpOptions = {
  /** `starttls` requires it, `implicit` begins with it, `none` does not have it. */
  tls?: 'starttls' | 'implicit' | 'none'
  /** Whether a password is required; `mailer` / `mail pässword`. */
  auth?: boolean
  port?: number
}

export const SMTP_USER = 'mailer'
export const SMTP_PASSWORD = 'mail p@ss/wörd'

export async function startSmtp({
  tls = 'starttls',
  auth = tls !== 'none',
  port = 0,
}: SmtpOptions = {}): Promise<SmtpSink> {
  const authority = issueCertificate({ subject: [['CN', 'Test mail authority']], ca: true })
  const dir = mkdtempSync(path.join(tmpdir(), 'authcore-smtp-'))
  const caFile = path.join(dir, 'ca.pem')
  writeFileSync(caFile, authority.cert)
  const sink = createSink()
  const server = new SMTPServer({ ...serverOptions({ tls, auth }, authority), ...sink.handlers })
  server.on('error', () => {}) // a client that leaves is what some tests are about
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
  const { port: listening } = server.server.address() as AddressInfo
  const login = auth ? `${SMTP_USER}:${encodeURIComponent(SMTP_PASSWORD)}@` : ''
  // A name would be asked of the machine's name server, which may take its time.
  const url = `${tls === 'implicit' ? 'smtps' : 'smtp'}://${login}127.0.0.1:${listening}`
  return {
    ...sink.api,
    port: listening,
    url,
    ca: authority.cert,
    env: () => ({
      AUTHCORE_SMTP_URL: url,
      AUTHCORE_MAIL_FROM: 'Example Sign-in <login@example.test>',
      ...(tls === 'none' ? { AUTHCORE_SMTP_TLS: 'off' } : {}),
      AUTHCORE_OUTBOUND_CA_FILE: caFile,
    }),
    stop: () => {
      sink.letGo()
      rmSync(dir, { recursive: true, force: true })
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function serverOptions(
  { tls, auth }: Required<Pick<SmtpOptions, 'tls' | 'auth'>>,
  authority: Issued,
): SMTPServerOptions {
  const { cert, key } = issueCertificate({
    subject: [['CN', 'localhost']],
    altNames: [
      ['dns', 'localhost'],
      ['ip', '127.0.0.1'],
    ],
    by: authority,
    purpose: 'server',
  })
  return {
    cert,
    key,
    secure: tls === 'implicit',
    authOptional: !auth,
    disabledCommands: [...(tls === 'none' ? ['STARTTLS'] : []), ...(auth ? [] : ['AUTH'])],
    closeTimeout: 200,
    onAuth({ username, password }, _session, done) {
      if (username === SMTP_USER && password === SMTP_PASSWORD) done(null, { user: username })
      else done(failure(535))
    },
  }
}

function createSink() {
  const received: ReceivedMail[] = []
  const taken = new Set<ReceivedMail>()
  const script: Answer[] = []
  const hanging: (() => void)[] = []
  let connections = 0

  const scripted = (at: Answer['at']): Answer | undefined =>
    script[0]?.at === at ? script.shift() : undefined
  const say = (at: Answer['at'], done: (error?: Error | null) => void): void => {
    const answer = scripted(at)
    done(answer && 'code' in answer ? failure(answer.code) : null)
  }
  const handlers: SMTPServerOptions = {
    onConnect(_session, done) {
      connections += 1
      say('connect', done)
    },
    onMailFrom: (_address, _session, done) => say('from', done),
    onRcptTo: (_address, _session, done) => say('to', done),
    onData(stream, session, done) {
      take(stream, session, done).catch(done)
    },
  }
  const take = async (...[stream, session, done]: Parameters<OnData>): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const answer = scripted('data')
    if (answer && 'hang' in answer) return void hanging.push(() => done(failure(421)))
    if (answer) return done(failure(answer.code))
    received.push(await mailOf(Buffer.concat(chunks), session))
    done()
  }
  // Longer than the pause before a second try, which is what a busy machine may need.
  const next = async (to: string, timeoutMs = 30_000): Promise<ReceivedMail> => {
    const find = () => received.find((mail) => mail.to.includes(to) && !taken.has(mail))
    const end = Date.now() + timeoutMs
    while (find() === undefined && Date.now() < end) await sleep(20)
    const mail = find()
    if (!mail) throw new Error(`no mail to ${to} within ${timeoutMs} ms`)
    taken.add(mail)
    return mail
  }
  return {
    handlers,
    letGo: () => {
      for (const end of hanging.splice(0)) end()
    },
    api: {
      received,
      connections: () => connections,
      answer: (answer: Answer, times = 1) =>
        void script.push(...Array.from({ length: times }, () => answer)),
      next,
    },
  }
}

type OnData = NonNullable<SMTPServerOptions['onData']>
type Session = Parameters<OnData>[1]

async function mailOf(raw: Buffer, { envelope, secure, user }: Session): Promise<ReceivedMail> {
  const parsed = await simpleParser(raw)
  const text = parsed.text ?? ''
  return {
    from: envelope.mailFrom ? envelope.mailFrom.address : '',
    to: envelope.rcptTo.map(({ address }) => address),
    tls: secure,
    user: user || undefined,
    subject: parsed.subject ?? '',
    text,
    html: parsed.html || '',
    raw: raw.toString('utf8'),
    parsed,
    code: /(?<![\w.=-])(?:\d{4}-\d{4}|\d{6,8})(?![\w.-])/.exec(text)?.[0],
    link: /https?:\/\/[^\s<>"]+/.exec(text)?.[0],
  }
}

/** The words repeat what must not reach a log. */
function failure(responseCode: number): Error {
  const words = responseCode < 500 ? 'try later, ada@example.test' : 'no, ada@example.test'
  return Object.assign(new Error(words), { responseCode })
}
