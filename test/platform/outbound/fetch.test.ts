import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose'
import { allowInsecureRequests, discovery, customFetch as oidcFetch } from 'openid-client'
import { Agent } from 'undici'
import { closeAll, dialNowhere, makeOutbound, onCleanup, rejectedAs, serve } from './support.ts'

async function serveRecording(answer: (request: IncomingMessage) => [number, object, string]) {
  const seen: { request: IncomingMessage; body: string }[] = []
  const server = await serve(async (request, response) => {
    seen.push({ request, body: await text(request) })
    const [status, headers, body] = answer(request)
    response.writeHead(status, { ...headers }).end(body)
  })
  return { ...server, seen }
}

describe('outbound fetch', () => {
  afterEach(closeAll)

  it('returns a real Response', async () => {
    const server = await serveRecording(() => [201, { 'x-a': '1', 'x-b': '2' }, '{"a":1}'])
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const response = await outbound.fetch(new URL(`${server.origin}/a?b`))
    expect(response).to.be.instanceOf(Response)
    expect(response).to.include({ status: 201, ok: true, redirected: false })
    expect(response.url).to.equal(`${server.origin}/a?b`)
    expect(response.headers.get('x-b')).to.equal('2')
    expect(await response.json()).to.deep.equal({ a: 1 })
  })

  it('returns the statuses that take no body', async () => {
    const server = await serveRecording((request) => [Number(request.url!.slice(1)), {}, ''])
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    for (const status of [204, 205, 304]) {
      const response = await outbound.fetch(`${server.origin}/${status}`)
      expect(response.status).to.equal(status)
      expect(await response.text()).to.equal('')
    }
    expect((await outbound.fetch(`${server.origin}/200`, { method: 'HEAD' })).status).to.equal(200)
  })

  it('sends the bodies that fetch takes, a Request included', async () => {
    const server = await serveRecording(() => [200, {}, ''])
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const url = `${server.origin}/`
    await outbound.fetch(url, { method: 'post', body: new URLSearchParams({ a: 'b c' }) })
    await outbound.fetch(url, { method: 'PUT', body: Buffer.from('bytes') })
    await outbound.fetch(new Request(url, { method: 'PATCH', body: 'text' }))
    expect(server.seen.map(({ request, body }) => `${request.method} ${body}`)).to.deep.equal([
      'POST a=b+c',
      'PUT bytes',
      'PATCH text',
    ])
    expect(server.seen[0]!.request.headers['content-type']).to.match(
      /^application\/x-www-form-urlencoded/,
    )
  })

  it('follows no redirect unless told to, and vets each hop then', async () => {
    const server = await serveRecording((request) => {
      if (request.url === '/in') return [302, { location: '/here' }, '']
      if (request.url === '/out') return [302, { location: 'https://169.254.169.254/' }, '']
      return [200, {}, 'here']
    })
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const url = `${server.origin}/in`
    await rejectedAs(outbound.fetch(url), 'blocked_redirect')
    await rejectedAs(outbound.fetch(new Request(url)), 'blocked_redirect')
    await rejectedAs(outbound.fetch(url, { redirect: 'error' }), 'blocked_redirect')
    const manual = await outbound.fetch(url, { redirect: 'manual' })
    expect(manual.status).to.equal(302)
    expect(manual.headers.get('location')).to.equal('/here')
    const followed = await outbound.fetch(url, { redirect: 'follow' })
    expect(await followed.text()).to.equal('here')
    expect(followed).to.include({ redirected: true, url: `${server.origin}/here` })
    await rejectedAs(
      outbound.fetch(`${server.origin}/out`, { redirect: 'follow' }),
      'blocked_address',
    )
  })

  it('refuses what the guard refuses, without quoting secrets', async () => {
    const { outbound } = makeOutbound({}, { dial: dialNowhere })
    await rejectedAs(outbound.fetch('https://10.0.0.1/'), 'blocked_address')
    await rejectedAs(outbound.fetch('/relative'), 'invalid_url')
    const withPassword = outbound.fetch('https://user:s3cret@rp.example/')
    expect((await rejectedAs(withPassword, 'userinfo')).message).not.to.contain('s3cret')
    const headers = { authorization: 'Bearer s3cret\n' + 'x' }
    const broken = outbound.fetch('https://rp.example/', { headers })
    expect((await rejectedAs(broken, 'protocol')).message).not.to.contain('s3cret')
  })

  it('ends with the reason of the signal', async () => {
    const server = await serve(() => {})
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const outcome = await outbound
      .fetch(`${server.origin}/`, { signal: AbortSignal.timeout(20) })
      .catch((error: Error) => error.name)
    expect(outcome).to.equal('TimeoutError')
  })

  it('uses no dispatcher it is handed, as oidc-provider hands one', async () => {
    const server = await serveRecording(() => [200, {}, '{"keys":[]}'])
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    let misused = 0
    class Foreign extends Agent {
      override dispatch(...args: Parameters<Agent['dispatch']>): boolean {
        misused += 1
        return super.dispatch(...args)
      }
    }
    const dispatcher = new Foreign()
    onCleanup(() => dispatcher.close())
    const options = {
      method: 'GET',
      headers: new Headers({ accept: 'application/json', 'user-agent': '' }),
      signal: AbortSignal.timeout(2500),
      dispatcher,
    } as unknown as RequestInit
    const response = await outbound.fetch(`${server.origin}/jwks`, options)
    expect(await response.json()).to.deep.equal({ keys: [] })
    expect(misused).to.equal(0)
    expect(server.seen[0]!.request.headers['user-agent']).to.equal('AuthCore')
    await rejectedAs(outbound.fetch('https://127.0.0.1/jwks', options), 'blocked_address')
    expect(misused).to.equal(0)
  })

  it('serves jose as customFetch', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }
    const server = await serveRecording(() => [200, {}, JSON.stringify(jwks)])
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const token = await new SignJWT({ sub: 'a' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(privateKey)
    const remote = createRemoteJWKSet(new URL(`${server.origin}/jwks`), {
      [customFetch]: outbound.fetch,
    })
    expect((await jwtVerify(token, remote)).payload.sub).to.equal('a')
    expect((await jwtVerify(token, createLocalJWKSet(jwks))).payload.sub).to.equal('a')
    const internal = createRemoteJWKSet(new URL('https://169.254.169.254/jwks'), {
      [customFetch]: outbound.fetch,
    })
    await rejectedAs(jwtVerify(token, internal), 'blocked_address')
  })

  it('serves openid-client as its fetch', async () => {
    const server = await serveRecording(() => [
      200,
      { 'content-type': 'application/json' },
      JSON.stringify({ issuer: server.origin, token_endpoint: `${server.origin}/token` }),
    ])
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const client = await discovery(new URL(server.origin), 'client', undefined, undefined, {
      [oidcFetch]: outbound.fetch,
      execute: [allowInsecureRequests],
    })
    expect(client.serverMetadata().issuer).to.equal(server.origin)
  })
})
