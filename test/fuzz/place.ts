import { KINDS } from '../../src/domain/federation/kinds.ts'
import { createConnection } from '../../src/domain/federation/manage_connections.ts'
import { addGuard, addService, type TestClient } from '../protocol/driver.ts'
import { API, type AuthCore, addApi, addClient, startAuthCore } from '../support/authcore.ts'
import { type Issued, issueCertificate } from '../support/certificates.ts'
import { freePort } from '../support/free_port.ts'
import { browser } from '../support/http.ts'
import { type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { startProcess } from '../support/server_process.ts'

/**
 * A server with everything on, as a process of its own: its memory is its own, and its log is the
 * product's. Beside it the same server within this process, on the same database, through which
 * people and clients are made and which tells what is mounted.
 */
export type Place = {
  /** Its issuer is the address of the process. */
  inside: AuthCore
  port: number
  /** What it has logged since the last time this was asked. */
  newLog(): string
  isAlive(): boolean
  memoryMib(): Promise<number>
  metrics(): Promise<string>
  web: TestClient
  service: TestClient
  guard: TestClient
  device: TestClient
  ciba: TestClient
  party: RelyingParty
  idp: Issued
  /** That its reports of SMS are signed with. */
  hookSecret: string
  stop(): Promise<void>
}

const HOOK_SECRET = `whsec_${Buffer.alloc(32, 'sms').toString('base64')}`

export async function startPlace(): Promise<Place> {
  const port = await freePort()
  const nobody = await freePort()
  const inside = await startAuthCore({
    env: {
      ISSUER: `http://localhost:${port}`,
      // Not development: a demonstration would take a port that somebody else may have.
      NODE_ENV: 'test',
      AUTHCORE_LOG_LEVEL: 'debug',
      AUTHCORE_LOG_PRETTY: 'false',
      // Every request may come from an address of its own; otherwise the limits answer, and nobody else.
      AUTHCORE_TRUSTED_PROXIES: '127.0.0.1',
      AUTHCORE_METRICS_ALLOW: '127.0.0.1',
      AUTHCORE_ARGON2_MEMORY_KIB: '19456',
      AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${nobody}`,
      AUTHCORE_LEGACY_CLIENTS: 'true',
      AUTHCORE_REQUEST_URI: 'true',
      AUTHCORE_FRONTCHANNEL_LOGOUT: 'true',
      AUTHCORE_DYNAMIC_REGISTRATION: 'open',
      AUTHCORE_CLIENT_ID_METADATA_DOCUMENTS: 'true',
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_USERNAMES: 'self',
      AUTHCORE_EMAIL_SIGN_IN: 'code',
      AUTHCORE_SMS_SIGN_IN: 'code',
      AUTHCORE_ACCOUNT_DELETION: 'self',
      AUTHCORE_SMS_TRANSPORTS: 'hook',
      AUTHCORE_SMS_HOOK_URL: `http://127.0.0.1:${nobody}/sms`,
      AUTHCORE_SMS_HOOK_SECRET: HOOK_SECRET,
      AUTHCORE_PHONE_COUNTRY: 'DE',
      AUTHCORE_WEB_PUSH: 'on',
      AUTHCORE_WEB_PUSH_CONTACT: 'mailto:ops@example.test',
      AUTHCORE_WEB_PUSH_SERVICES: 'push.example.test',
      AUTHCORE_MAILGUN_SIGNING_KEY: 'mailgun-signing-key',
      AUTHCORE_INBOX_DAYS: '30',
    },
  })
  const server = startProcess(['serve'], { ...inside.env, PORT: String(port) } as Record<
    string,
    string
  >)
  let isAlive = true
  void server.ended.then(() => {
    isAlive = false
  })
  await server.says('"msg":"serving"')
  let read = 0
  const { issuer } = inside
  const metrics = async () => (await browser().get(`${issuer}/metrics`)).body
  return {
    inside,
    port,
    newLog() {
      const text = server.output()
      const end = text.lastIndexOf('\n') + 1
      const fresh = text.slice(read, end)
      read = end
      return fresh
    },
    isAlive: () => isAlive,
    metrics,
    async memoryMib() {
      const line = /^process_resident_memory_bytes (\S+)$/m.exec(await metrics())
      return Number(line?.[1]) / 2 ** 20
    },
    ...(await prepare(inside, nobody)),
    hookSecret: HOOK_SECRET,
    async stop() {
      server.signal('SIGTERM')
      await server.ended
      await server.clean()
      await inside.stop()
    },
  }
}

async function prepare(inside: AuthCore, nobody: number) {
  await addApi(inside)
  const web = await addClient(inside, {
    metadata: {
      grant_types: ['authorization_code', 'refresh_token'],
      post_logout_redirect_uris: ['https://rp.example.test/bye'],
      frontchannel_logout_uri: 'https://rp.example.test/front',
      initiate_login_uri: 'https://rp.example.test/launch',
    },
  })
  const service = await addService(inside, { resource_scopes: { [API]: ['read'] } })
  const guard = await addGuard(inside)
  const device = await addClient(inside, { preset: 'device', metadata: {} })
  const ciba = await addClient(inside, {
    metadata: {
      grant_types: ['authorization_code', 'refresh_token', 'urn:openid:params:grant-type:ciba'],
      backchannel_token_delivery_mode: 'poll',
    },
  })
  const idp = issueCertificate({ rsaBits: 2048, subject: [['CN', 'idp']] })
  await connect(inside, idp, nobody)
  const party = await relyingParty(inside, web)
  return { web, service, guard, device, ciba, party, idp }
}

export const IDP_ENTITY = 'https://idp.example/entity'

/** One source whose whole part is played here, and one that nobody answers for. */
async function connect({ parts }: AuthCore, idp: Issued, nobody: number): Promise<void> {
  const sp = issueCertificate({ rsaBits: 2048, subject: [['CN', 'sp']] })
  const deps = { ...parts, kinds: KINDS }
  const saml = {
    name: 'saml',
    kind: 'saml',
    title: 'Saml',
    settings: {
      idp: {
        entity_id: IDP_ENTITY,
        sso_url: 'https://idp.example/sso',
        slo_url: 'https://idp.example/slo',
        certificates: [idp.cert],
      },
      sp_certificate: sp.cert,
    },
  }
  await createConnection(deps, { content: saml, secrets: { sp_private_key: sp.key } })
  const away = {
    name: 'away',
    kind: 'oidc',
    title: 'Away',
    settings: { issuer: `http://127.0.0.1:${nobody}`, client_id: 'us' },
  }
  await createConnection(deps, { content: away, secrets: { client_secret: 'secret of away' } })
}
