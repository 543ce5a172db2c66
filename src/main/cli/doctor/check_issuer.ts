import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { bad, type Finding, ok, warn } from './finding.ts'

/**
 * What a client sees first: the discovery document, at the address that people use. Asked for with
 * plain Node, because the outbound client rightly refuses to call ourselves.
 */

const DEADLINE_MS = 3_000
const SIZE_MAX = 256 * 1024
const NOBODY_THERE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
])

export async function checkIssuer(issuer: string): Promise<Finding> {
  const address = `${issuer}/.well-known/openid-configuration`
  try {
    return judge(issuer, address, await fetchText(address))
  } catch (error) {
    return unreachable(address, error as NodeJS.ErrnoException)
  }
}

type Fetched = { status: number; text: string }

function judge(issuer: string, address: string, { status, text }: Fetched): Finding {
  if (status !== 200) {
    return bad(
      'issuer',
      `${address} answers ${status}`,
      'Does the proxy in front pass every path on, and is the server ready?',
    )
  }
  const told = issuerIn(text)
  return told === issuer
    ? ok('issuer', `${issuer} answers, and says the same issuer`)
    : bad(
        'issuer',
        `${address} says the issuer is ${JSON.stringify(told ?? null)}`,
        'Clients compare it byte for byte: set ISSUER of the server to the address people use.',
      )
}

function issuerIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { issuer?: unknown } | null)?.issuer
  } catch {
    return undefined
  }
}

function unreachable(address: string, { code, message, name }: NodeJS.ErrnoException): Finding {
  const late = name === 'AbortError' || name === 'TimeoutError'
  if (late || NOBODY_THERE.has(code ?? '')) {
    return warn(
      'issuer',
      `${address} does not answer (${late ? `${DEADLINE_MS / 1000} s` : code})`,
      'Start the server, or check from a machine that can reach it.',
    )
  }
  return bad(
    'issuer',
    `${address} cannot be read: ${message}`,
    'A certificate that Node does not know is named in NODE_EXTRA_CA_CERTS.',
  )
}

/** Follows no redirect: clients need not either. */
function fetchText(address: string): Promise<Fetched> {
  const get = address.startsWith('https:') ? getHttps : getHttp
  return new Promise((resolve, reject) => {
    const options = { agent: false as const, signal: AbortSignal.timeout(DEADLINE_MS) }
    get(address, options, (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
    }).on('error', reject)
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > SIZE_MAX) throw new Error('the answer is too large')
  }
  return text
}
