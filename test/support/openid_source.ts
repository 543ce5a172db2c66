import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/**
 * The least that an OpenID Provider is to those who sign people in by it: its documents, and an ID
 * token for any code. The code is the nonce that the request came with; nobody has to sign in.
 */
export type OpenIdSource = { port: number; clientId: string; stop(): Promise<void> }

/** @param issuer where it is reached, which need not be where it listens */
export async function startOpenIdSource(issuer: string): Promise<OpenIdSource> {
  const clientId = 'authcore'
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  }
  const tokensFor = async (request: IncomingMessage) => {
    const nonce = new URLSearchParams(await text(request)).get('code')
    const id_token = await new SignJWT({ nonce, email: 'grace@acme.test', email_verified: true })
      .setProtectedHeader({ alg: 'ES256', kid: '1' })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setSubject('grace')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
    return { access_token: 'unused', token_type: 'Bearer', expires_in: 300, id_token }
  }
  const documentOf = async (request: IncomingMessage): Promise<unknown> => {
    if (request.url === '/jwks') {
      return { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: '1', use: 'sig' }] }
    }
    return request.url === '/token' ? await tokensFor(request) : metadata
  }
  const server = createServer((request, response) => {
    documentOf(request).then(
      (document) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(document))
      },
      () => response.destroy(),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    clientId,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
