import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * A TCP port of 127.0.0.1 that nobody listens on. Taken at random from below the range out of which
 * the kernel serves outgoing connections and `listen(0)`, and claimed for this process until it ends:
 * a server takes a second to listen, and no other test process gets the same port meanwhile.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(12_000, 32_000)
    if (claim(port) && (await canListen(port))) return port
  }
  throw new Error('found no free port between 12000 and 32000')
}

const CLAIMS = path.join(tmpdir(), `authcore-test-ports-${process.getuid?.() ?? 0}`)
const own = new Set<string>()

/** A file of the port's name, made by one of those who try, with the process in it that did. */
function claim(port: number): boolean {
  const file = path.join(CLAIMS, String(port))
  mkdirSync(CLAIMS, { recursive: true })
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    // Of a process that was killed it is removed for the next who asks; this one takes another.
    if (!own.has(file) && isAbandoned(file)) remove(file)
    return false
  }
  if (own.size === 0) process.once('exit', () => own.forEach(remove))
  own.add(file)
  return true
}

function isAbandoned(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')) || process.pid, 0)
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'ESRCH'
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // Somebody else did.
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
