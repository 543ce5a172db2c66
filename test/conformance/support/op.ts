import { connect } from 'node:net'
import { createServer, type Server } from 'node:tls'
import type { EnvironmentVariables } from '../../../src/platform/config/load_config.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../../support/authcore.ts'
import { freePort } from '../../support/free_port.ts'
import { type Browser, browser } from '../../support/http.ts'
import { selfSigned } from './certificate.ts'
import { backToNow, movedClock } from './moved_time.ts'

/**
 * The provider under test as the suite meets it: behind TLS, with a test account that has every
 * standard claim, known from its discovery document alone.
 */
export type Op = {
  server: AuthCore
  issuer: string
  alice: Person
  metadata: Metadata
  /** A browser, or a program, without a session. */
  newBrowser(): Browser
  stop(): Promise<void>
}

/** Of the discovery document, what the modules read. */
export type Metadata = Record<string, unknown> & {
  issuer: string
  authorization_endpoint: string
  token_endpoint: string
  userinfo_endpoint: string
  jwks_uri: string
  end_session_endpoint: string
  pushed_authorization_request_endpoint: string
}

export async function startOp(
  options: { env?: EnvironmentVariables; worker?: boolean } = {},
): Promise<Op> {
  const [port, tlsPort] = [await freePort(), await freePort()]
  const { key, cert } = selfSigned('localhost', 'DNS:localhost,IP:127.0.0.1')
  const issuer = `https://localhost:${tlsPort}`
  const server = await startAuthCore({
    ...options,
    env: { PORT: String(port), ISSUER: issuer, ...options.env },
    clock: movedClock,
  })
  const front = await tlsInFront(port, tlsPort, { key, cert })
  const newBrowser = () => browser({ ca: cert, base: issuer })
  const discovery = await newBrowser().get('/.well-known/openid-configuration')
  return {
    server,
    issuer,
    newBrowser,
    alice: await addPerson(server, { claims: EVERY_CLAIM }),
    metadata: discovery.json<Metadata>(),
    async stop() {
      backToNow()
      front.close()
      await server.stop()
    },
  }
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

async function tlsInFront(
  port: number,
  tlsPort: number,
  certificate: { key: string; cert: string },
): Promise<Server> {
  const front = createServer(certificate, (incoming) => {
    const outgoing = connect(port, '127.0.0.1')
    incoming.on('error', () => outgoing.destroy())
    outgoing.on('error', () => incoming.destroy())
    incoming.pipe(outgoing).pipe(incoming)
  })
  await new Promise<void>((resolve) => front.listen(tlsPort, 'localhost', resolve))
  return front
}
