import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ALWAYS, type Fault, type Group, type Setting } from '../harness/fault.ts'
import { startStand } from '../harness/stand.ts'

/** Callers who mean no good, or do not know better. Nobody else may notice them. */

const KB = 1_024

/** Requests that nobody may carry out; `\n` stands for the end of a line. */
const MALFORMED: Record<string, string> = {
  'no HTTP at all': 'hello\n\n',
  'bytes of a TLS handshake': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'no Host': 'GET /jwks HTTP/1.1\n\n',
  'two lengths': 'POST /token HTTP/1.1\nHost: x\nContent-Length: 5\nContent-Length: 6\n\nabcde',
  'a length and chunks':
    'POST /token HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n',
  'a length below zero': 'POST /token HTTP/1.1\nHost: x\nContent-Length: -1\n\n',
  'chunks that are none': 'POST /token HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n',
  'a head of 64 kB': `GET /jwks HTTP/1.1\nHost: x\nX: ${'a'.repeat(64 * KB)}\n\n`,
  'an address of 64 kB': `GET /${'a'.repeat(64 * KB)} HTTP/1.1\nHost: x\n\n`,
  'ten thousand headers': `GET /jwks HTTP/1.1\nHost: x\n${'A: b\n'.repeat(10_000)}\n`,
  'a body of 10 MB': `POST /token HTTP/1.1\nHost: x\nContent-Type: application/x-www-form-urlencoded\nContent-Length: ${10 * KB * KB}\n\n${'a=b&'.repeat(64 * KB)}`,
  'a body that ends early':
    'POST /token HTTP/1.1\nHost: x\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 50\n\na=b',
  'NUL in the address': 'GET /authorize?client_id=%00 HTTP/1.1\nHost: x\n\n',
  'a way out of the folder': 'GET /assets/../../etc/passwd HTTP/1.1\nHost: x\n\n',
  'a method of no RFC': 'BREW /token HTTP/1.1\nHost: x\n\n',
  'HTTP/0.9': 'GET /jwks\n',
  'HTTP/9.9': 'GET /jwks HTTP/9.9\nHost: x\n\n',
}

/** What is said within this time is heard; nobody has to say anything to such callers. */
const HEARD_MS = 1_000

export const httpFaults: Group = {
  title: 'callers that do harm',
  needs: () => ALWAYS,
  async start() {
    const stand = await startStand()
    return { stand, stop: () => stand.stop() }
  },
  faults: [
    unnoticed({
      name: 'slowloris',
      what: '500 callers send one byte of a head at a time',
      lastsMs: { short: 1_000, long: 20_000 },
      async strike({ stand }) {
        const sockets = await openMany(stand.issuer, 500)
        for (const socket of sockets) socket.write('GET /jwks HTTP/1.1\r\nHost: localhost\r\nX: ')
        const dribble = setInterval(() => {
          for (const socket of sockets) socket.write('a')
        }, 250)
        return async () => {
          clearInterval(dribble)
          closeAll(sockets)
        }
      },
    }),
    unnoticed({
      name: 'idle_connections',
      what: '5000 callers connect and say nothing',
      lastsMs: { short: 500, long: 20_000 },
      async strike({ stand }) {
        const sockets = await openMany(stand.issuer, 5_000)
        return async () => closeAll(sockets)
      },
    }),
    unnoticed({
      name: 'malformed_http',
      what: `${Object.keys(MALFORMED).length} kinds of oversized and malformed requests, 10 of each`,
      lastsMs: { short: 0, long: 0 },
      async strike({ stand }) {
        const said = await Promise.all(
          Object.entries(MALFORMED).flatMap(([what, text]) =>
            Array.from({ length: 10 }, async () => ({
              what,
              status: await say(stand.issuer, text),
            })),
          ),
        )
        const believed = said.filter(({ status }) => status !== undefined && !/^4/.test(status))
        if (believed.length > 0) throw new Error(`not refused: ${JSON.stringify(believed)}`)
        return async () => {}
      },
    }),
  ],
}

function unnoticed(fault: Omit<Fault<Setting>, 'meets'>): Fault<Setting> {
  return { ...fault, meets: [] }
}

async function openMany(issuer: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  // As many at a time as fit into what the kernel keeps for a server that is busy.
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(250, count - sockets.length) }, () => open(issuer))
    sockets.push(...(await Promise.all(some)))
  }
  return sockets
}

async function open(issuer: string): Promise<Socket> {
  const socket = connect(Number(new URL(issuer).port), '127.0.0.1')
  await once(socket, 'connect')
  // Cut by the server, sooner or later.
  socket.on('error', () => {}).resume()
  return socket
}

function closeAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

/** @returns the status of the answer; undefined where there was none, but an end or silence */
async function say(issuer: string, text: string): Promise<string | undefined> {
  const socket = connect(Number(new URL(issuer).port), '127.0.0.1')
  socket.on('error', () => {})
  let heard = ''
  socket.setEncoding('latin1').on('data', (part: string) => {
    heard += part
  })
  socket.write(text.replaceAll('\n', '\r\n'), 'latin1')
  await Promise.race([new Promise((end) => socket.once('close', end)), sleep(HEARD_MS)])
  socket.destroy()
  return /^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1]
}
