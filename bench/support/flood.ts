import { parentPort, workerData } from 'node:worker_threads'
import { browser, type Reply } from '../../test/support/http.ts'

/**
 * The thread of `login_flood.ts` that guesses: so many browsers at once, each sending the form back
 * with another name, another password and from another address as soon as it is answered, until it
 * is told to stop. Answers with how many tries ended with which status.
 */

const { url, browsers } = workerData as { url: string; browsers: number }
const statuses: Record<string, number> = {}
let guessing = true
let tries = 0

parentPort?.once('message', () => {
  guessing = false
})
await Promise.all(Array.from({ length: browsers }, guess))
parentPort?.postMessage(statuses)

async function guess(): Promise<void> {
  const person = browser()
  const login = await person.followAll(await person.get(url, { headers: from(tries++) }))
  while (guessing) {
    const n = tries++
    const fields = { login: `nobody${n}@example.test`, password: `a wrong password ${n}` }
    const reply: Reply = await person.submit(login, fields, { headers: from(n) })
    statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
  }
}

function from(n: number) {
  return { 'x-forwarded-for': `198.${18 + ((n >> 16) & 1)}.${(n >> 8) & 255}.${n & 255}` }
}
