import { createServer, type IncomingHttpHeaders } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, jwtVerify } from 'jose'
import { sha256 } from '../../../src/core/secrets.ts'
import { dpopProof, type ProofChanges, type SigningParty } from '../../protocol/driver.ts'
import { API } from '../../support/authcore.ts'
import { freePort } from '../../support/free_port.ts'
import { type Browser, browser, type Reply, type SendOptions } from '../../support/http.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import type { Op } from '../support/op.ts'

/** A resource server: takes access tokens that are bound to a key, and nothing else. */
export type Resource = {
  uri: string
  /** As the program of a client. */
  client(): Browser
  stop(): void
}

/** With OpenID Connect, UserInfo: the protected resource that the server itself has. */
export function userInfoResource(op: Op): Resource {
  const uri = op.metadata.userinfo_endpoint
  return { uri, client: op.newBrowser, stop() {} }
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
  party: { dpop: SigningParty },
  accessToken: string,
  use: Use = {},
): Promise<Reply> {
  const key = 'key' in use ? use.key : party.dpop
  const proof = key && (await dpopProof(key, 'GET', resource.uri, { accessToken, ...use.proof }))
  const authorization = `${use.scheme ?? 'DPoP'} ${accessToken}`
  return await resource.client().get(resource.uri, {
    headers: {
      accept: 'application/json',
      authorization,
      ...(proof ? { dpop: proof } : {}),
      ...use.headers,
    },
  })
}

/**
 * With plain OAuth, the API of an application: it verifies the access token (RFC 9068 §4) from what is
 * published, and holds the proof against the key that the token is bound to (RFC 9449 §7.1).
 */
export async function standInApi(op: Op): Promise<Resource> {
  const server = createServer((request, response) => {
    const reply = (status: number) => response.writeHead(status).end('{}')
    isAcceptable(op, uri, request.headers).then(
      (acceptable) => reply(acceptable ? 200 : 401),
      () => reply(401),
    )
  })
  const port = await freePort()
  const uri = `http://127.0.0.1:${port}/accounts`
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    uri,
    client: () => browser(),
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function isAcceptable(op: Op, uri: string, headers: IncomingHttpHeaders): Promise<boolean> {
  const [, token] = /^dpop ([\w.-]+)$/i.exec(headers.authorization ?? '') ?? []
  if (!token) return false
  const currentDate = new Date(Date.now())
  const keys = createLocalJWKSet(await fetchJwks(op))
  const expected = { issuer: op.issuer, audience: API, typ: 'at+jwt', currentDate }
  const { payload } = await jwtVerify(token, keys, expected)
  const proof = await jwtVerify(String(headers['dpop']), EmbeddedJWK, {
    typ: 'dpop+jwt',
    currentDate,
    maxTokenAge: 60,
    clockTolerance: 15,
  })
  const { htm, htu, ath } = proof.payload
  const thumbprint = await calculateJwkThumbprint(proof.protectedHeader.jwk!)
  const said = [htm, htu, ath, (payload['cnf'] as { jkt?: string }).jkt]
  return isDeepStrictEqual(said, ['GET', uri, sha256(token).toString('base64url'), thumbprint])
}
