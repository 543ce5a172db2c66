import http from 'node:http'

export type Asked = { method?: string; headers?: http.OutgoingHttpHeaders; body?: string }
export type Answer = { status: number; headers: http.IncomingHttpHeaders; body: string }

/**
 * One request on a connection that stays, to its last byte. `fetch` leaves so much to collect that its
 * caller stalls for longer than a token takes.
 */
export function ask(
  agent: http.Agent,
  url: string,
  { method = 'GET', headers = {}, body }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const request = http.request(url, { method, agent, headers: { ...headers, ...length } })
    const failed = (error: NodeJS.ErrnoException) => {
      // The server has closed a connection that was idle for long: whoever meets that asks again.
      const closed = request.reusedSocket && error.code === 'ECONNRESET'
      if (closed)
        ask(agent, url, { method, headers, ...(body === undefined ? {} : { body }) }).then(
          resolve,
          reject,
        )
      else reject(error)
    }
    request.once('error', failed).once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.once('error', reject).once('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      })
    })
    request.end(body)
  })
}
