import { connect } from 'node:net'
import { createServer, type Server } from 'node:tls'
import type { EnvironmentVariables } from '../../../src/platform/config/load_config.ts'
import {
  type AuthCore,
  type AuthCoreOptions,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Issued, issueCertificate } from '../../support/certificates.ts'
import { freePort } from '../../support/free_port.ts'
import { type Browser, browser } from '../../support/http.ts'
import { type MutualTls, startWithMutualTls } from '../../support/mtls.ts'
import { backToNow, movedClock } from './moved_time.ts'

/**
 * The provider under test as the suite meets it: behind TLS, with a test account that has every
 * standard claim, known from its discovery document alone.
 */
export type Op = {
  server: AuthCore
  issuer: string
  alice: Person
  /** Somebody else, for what changes how one signs in. */
  bob: Person
  carol: Person
  metadata: Metadata
  /** A browser without a session, or a program, with a certificate of its own or without. */
  newBrowser(certificate?: Issued): Browser
  /** Where certificates of clients are asked for; only with `mutualTls`. */
  mutualTls: MutualTls | undefined
  /** The certificate of `localhost`, for servers of the suite. */
  certificate: Issued
  stop(): Promise<void>
}

/** Of the discovery document, what the modules read. */
export type Metadata = Record<string, unknown> & {
  issuer: string
  jwks_uri: string
  mtls_endpoint_aliases?: Partial<Record<Endpoint, string>>
} & Record<Endpoint, string>

export type Endpoint = `${
  | 'authorization'
  | 'token'
  | 'userinfo'
  | 'end_session'
  | 'introspection'
  | 'device_authorization'
  | 'pushed_authorization_request'}_endpoint`

export type OpOptions = { env?: EnvironmentVariables; worker?: boolean; mutualTls?: boolean }

export async function startOp({ mutualTls = false, ...options }: OpOptions = {}): Promise<Op> {
  const [port, tlsPort] = [await freePort(), await freePort()]
  const certificate = ofLocalhost()
  const issuer = `https://localhost:${tlsPort}`
  const env = { PORT: String(port), ISSUER: issuer, ...options.env }
  const { server, listener } = await startServer({ ...options, env, clock: movedClock }, mutualTls)
  const front = await tlsInFront(port, tlsPort, certificate)
  const ca = [certificate.cert, listener?.ca ?? ''].join('')
  const newBrowser = (own?: Issued) => browser({ ca, base: issuer, certificate: own })
  const discovery = await newBrowser().get('/.well-known/openid-configuration')
  return {
    server,
    issuer,
    newBrowser,
    certificate,
    mutualTls: listener,
    alice: await addPerson(server, { claims: EVERY_CLAIM }),
    bob: await addPerson(server, { claims: EVERY_CLAIM }),
    carol: await addPerson(server, { claims: EVERY_CLAIM }),
    metadata: discovery.json<Metadata>(),
    async stop() {
      backToNow()
      front.close()
      await server.stop()
    },
  }
}

async function startServer(
  options: AuthCoreOptions,
  mutualTls: boolean,
): Promise<{ server: AuthCore; listener: MutualTls | undefined }> {
  if (!mutualTls) return { server: await startAuthCore(options), listener: undefined }
  const listener = await startWithMutualTls('listener', options)
  return { server: listener.server, listener }
}

/** Its own authority. */
function ofLocalhost(): Issued {
  const altNames = [['dns', 'localhost'] as const, ['ip', '127.0.0.1'] as const]
  return issueCertificate({ subject: [['CN', 'localhost']], altNames, ca: true, purpose: 'server' })
}

/** Every standard claim (OpenID Connect Core §5.1) that an account does not have by itself. */
const EVERY_CLAIM = {
  name: 'Ada Example',
  given_name: 'Ada',
  family_name: 'Example',
  middle_name: 'Augusta',
  nickname: 'ada',
  profile: 'https://ada.example.test/',
  picture: 'https://ada.example.test/portrait.jpg',
  website: 'https://ada.example.test/engine',
  gender: 'female',
  birthdate: '1815-12-10',
  zoneinfo: 'Europe/London',
  locale: 'en-GB',
  phone_number: '+442071234567',
  phone_number_verified: true,
  address: {
    formatted: '12 St James Square\nLondon SW1Y 4JH',
    street_address: '12 St James Square',
    locality: 'London',
    region: 'London',
    postal_code: 'SW1Y 4JH',
    country: 'GB',
  },
}

async function tlsInFront(port: number, tlsPort: number, { key, cert }: Issued): Promise<Server> {
  const front = createServer({ key, cert }, (incoming) => {
    const outgoing = connect(port, '127.0.0.1')
    incoming.on('error', () => outgoing.destroy())
    outgoing.on('error', () => incoming.destroy())
    incoming.pipe(outgoing).pipe(incoming)
  })
  await new Promise<void>((resolve) => front.listen(tlsPort, 'localhost', resolve))
  return front
}
