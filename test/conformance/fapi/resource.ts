import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, jwtVerify } from 'jose'
import { sha256 } from '../../../src/core/secrets.ts'
import { dpopProof, type ProofChanges, type SigningParty } from '../../protocol/driver.ts'
import { API } from '../../support/authcore.ts'
import { freePort } from '../../support/free_port.ts'
import type { Reply, SendOptions } from '../../support/http.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import type { Op } from '../support/op.ts'
import { endpointOf, type Party } from '../support/party.ts'

/** A resource server: takes access tokens that are bound to a key or certificate, and nothing else. */
export type Resource = {
  uri: string
  stop(): void
}

/** With OpenID Connect, UserInfo: the protected resource that the server itself has. */
export function userInfoResource(party: Party): Resource {
  return { uri: endpointOf(party, 'userinfo_endpoint'), stop() {} }
}

export type Use = {
  scheme?: string
  /** undefined: no proof. */
  key?: SigningParty | undefined
  proof?: ProofChanges
  headers?: SendOptions['headers']
}

/** Uses an access token as its client does; `use` says what is done otherwise. */
export async function useToken(
  resource: Resource,
  party: Party,
  accessToken: string,
  use: Use = {},
): Promise<Reply> {
  const key = 'key' in use ? use.key : party.dpop
  const proof = key && (await dpopProof(key, 'GET', resource.uri, { accessToken, ...use.proof }))
  const { scheme = party.dpop ? 'DPoP' : 'Bearer' } = use
  return await party.op.newBrowser(party.certificate).get(resource.uri, {
    headers: {
      accept: 'application/json',
      authorization: `${scheme} ${accessToken}`,
      ...(proof ? { dpop: proof } : {}),
      ...use.headers,
    },
  })
}

/**
 * With plain OAuth, the API of an application: it verifies the access token (RFC 9068 §4) from what is
 * published, and holds the proof or certificate against what the token is bound to (RFC 9449 §7.1,
 * RFC 8705 §3).
 */
export async function standInApi(op: Op): Promise<Resource> {
  const { key, cert } = op.certificate
  const asking = { requestCert: true, rejectUnauthorized: false }
  const server = createServer({ key, cert, ...asking }, (request, response) => {
    const reply = (status: number) => response.writeHead(status).end('{}')
    isAcceptable(op, uri, request).then(
      (acceptable) => reply(acceptable ? 200 : 401),
      () => reply(401),
    )
  })
  const port = await freePort()
  const uri = `https://localhost:${port}/accounts`
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
  return {
    uri,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

type Confirmation = { jkt?: string; 'x5t#S256'?: string }

async function isAcceptable(op: Op, uri: string, request: IncomingMessage): Promise<boolean> {
  const [, scheme, token] = /^(\w+) ([\w.-]+)$/.exec(request.headers.authorization ?? '') ?? []
  if (!scheme || !token) return false
  const keys = createLocalJWKSet(await fetchJwks(op))
  const currentDate = new Date(Date.now())
  const expected = { issuer: op.issuer, audience: API, typ: 'at+jwt', currentDate }
  const { payload } = await jwtVerify(token, keys, expected)
  const bound = payload['cnf'] as Confirmation | undefined
  if (scheme.toLowerCase() === 'bearer') {
    const { raw } = (request.socket as TLSSocket).getPeerCertificate()
    return bound?.['x5t#S256'] === sha256(raw).toString('base64url')
  }
  return await isProven(uri, token, bound?.jkt, String(request.headers['dpop']))
}

async function isProven(uri: string, token: string, jkt: string | undefined, dpop: string) {
  const currentDate = new Date(Date.now())
  const limits = { currentDate, maxTokenAge: 60, clockTolerance: 15 }
  const proof = await jwtVerify(dpop, EmbeddedJWK, { typ: 'dpop+jwt', ...limits })
  const { htm, htu, ath } = proof.payload
  const thumbprint = await calculateJwkThumbprint(proof.protectedHeader.jwk!)
  const said = [htm, htu, ath, jkt]
  return isDeepStrictEqual(said, ['GET', uri, sha256(token).toString('base64url'), thumbprint])
}
