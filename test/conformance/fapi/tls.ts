import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { expect } from 'chai'

/** RFC 9325 (BCP 195) §4.2, which FAPI 2.0 §5.2.2 holds TLS 1.2 to. */
const BCP195 = /^(ECDHE|DHE)-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)$/

/** What the suite tries at every endpoint: no old TLS, good ciphers in 1.2, and 1.3. */
export async function checkTls(uri: string, ca: string): Promise<void> {
  const { hostname, port } = new URL(uri)
  const at = (options: ConnectionOptions) =>
    handshake({ host: hostname, port: Number(port), servername: hostname, ca, ...options })
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const
  expect(await at(old), 'TLS 1.1').to.equal(undefined)
  expect(await at({ maxVersion: 'TLSv1.2', ciphers: 'ALL' })).to.match(BCP195)
  expect(
    await at({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:AES256-SHA:@SECLEVEL=0' }),
  ).to.equal(undefined)
  expect(await at({ minVersion: 'TLSv1.3' }), 'TLS 1.3').to.match(/^TLS_/)
}

/** The cipher that was agreed on; undefined where there was no agreement. */
function handshake(options: ConnectionOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect(options, () => {
      resolve(socket.getCipher().name)
      socket.destroy()
    })
    socket.on('error', () => resolve(undefined))
  })
}
