import { expect } from 'chai'
import { faultOf } from './judge.ts'
import { bend, mutate } from './mutate.ts'
import { CANARY } from './odd_values.ts'
import { seeded } from './random.ts'
import { bytesOf, encode, type FuzzRequest } from './request.ts'
import { type Outcome, read } from './send.ts'
import { watchLog } from './watch_log.ts'

/** What the fuzzer is made of has to see what is wrong, and to do the same again when asked. */

const ISSUER = 'http://localhost:5100'
const REQUEST: FuzzRequest = {
  method: 'POST',
  path: '/token',
  query: [{ name: 'a', value: 'b c' }],
  headers: [['Accept', '*/*']],
  body: { kind: 'form', fields: [{ name: 'code', value: 'x&y' }] },
  framing: 'sound',
}

const GOOD = [
  'HTTP/1.1 200 OK',
  "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options: nosniff',
  'Referrer-Policy: no-referrer',
  'X-Frame-Options: DENY',
  'Cross-Origin-Opener-Policy: same-origin',
  'Cross-Origin-Resource-Policy: same-origin',
  'Permissions-Policy: usb=()',
  'Cache-Control: no-store',
  'Content-Type: application/json',
  'Content-Length: 2',
  '',
  '{}',
]

function outcome(lines: readonly string[]): Outcome {
  const bytes = Buffer.from(lines.join('\r\n'))
  const answer = read(bytes, false)
  return typeof answer === 'string'
    ? { kind: 'malformed', why: answer, bytes }
    : { kind: 'answer', answer, tookMs: 1 }
}

const fault = (lines: readonly string[]) => faultOf(REQUEST, outcome(lines), ISSUER)
const withLine = (from: RegExp, to: string) => GOOD.map((line) => line.replace(from, to))
const withBody = (type: string, body: string, status = '200 OK') =>
  withLine(/^\{\}$/, body).map((line) =>
    line
      .replace(/^Content-Length: .*/, `Content-Length: ${Buffer.byteLength(body)}`)
      .replace('application/json', type)
      .replace('200 OK', status),
  )

describe('fuzz/judge', () => {
  it('has nothing against a good answer', () => {
    expect(fault(GOOD)).to.equal(undefined)
  })

  const bad: Record<string, [readonly string[], RegExp]> = {
    'a status of 500': [withLine(/200 OK/, '500 Internal'), /status 500/],
    'a 503 where nobody else is needed': [withLine(/200 OK/, '503 Away'), /status 503/],
    'a missing header': [GOOD.filter((line) => !line.startsWith('X-Frame')), /x-frame-options/],
    'a header that comes twice': [[...GOOD.slice(0, 2), ...GOOD.slice(1)], /2 times/],
    'a header of the request': [[...GOOD.slice(0, 2), 'X-Injected: 1', ...GOOD.slice(2)], /wrote/],
    'a stack trace': [withBody('text/html', 'at foo (x.ts:1)'), /inside/],
    'JSON that is none': [withBody('application/json', '{"a":'), /none/],
    'half a page': [withBody('text/html', '<!doctype html><p>'), /half/],
    'a script of the request': [
      withBody('text/html', '<!doctype html><script>alert(1)</script></html>'),
      /script/,
    ],
    'a way to somebody else': [
      [
        ...withBody('text/html', 'x', '303 See Other').slice(0, 2),
        'Location: https://evil.example/',
        ...withBody('text/html', 'x').slice(2),
      ],
      /leads to/,
    ],
    'a body shorter than promised': [
      withLine(/^Content-Length: 2/, 'Content-Length: 3'),
      /promised/,
    ],
    'a body longer than promised': [
      withLine(/^Content-Length: 2/, 'Content-Length: 1'),
      /promised/,
    ],
    'no head': [['x'], /malformed/],
  }
  for (const [name, [lines, words]] of Object.entries(bad)) {
    it(`sees ${name}`, () => expect(fault(lines)).to.match(words))
  }

  it('sees no answer at all, where the request was sound', () => {
    expect(faultOf(REQUEST, { kind: 'closed' }, ISSUER)).to.match(/no answer/)
    expect(faultOf({ ...REQUEST, framing: 'broken' }, { kind: 'closed' }, ISSUER)).to.equal(
      undefined,
    )
    expect(faultOf(REQUEST, { kind: 'late', bytes: Buffer.alloc(0) }, ISSUER)).to.match(/in time/)
  })
})

describe('fuzz/watch_log', () => {
  it('sees secrets, planted or live, errors, and what is no line of the log', () => {
    const log = watchLog()
    log.keepSecret('a-live-secret', 'short', undefined)
    expect(log.faultsIn('{"level":"info","msg":"request"}\n')).to.deep.equal([])
    expect(log.faultsIn(`{"level":"info","a":"${CANARY}x"}`)).to.have.length(1)
    expect(log.faultsIn('{"level":"info","a":"b a-live-secret"}')).to.have.length(1)
    expect(log.faultsIn('{"level":"info","a":"short"}')).to.deep.equal([])
    expect(log.faultsIn('{"level":"error","msg":"x"}')).to.have.length(1)
    expect(log.faultsIn('TypeError: x')).to.have.length(1)
  })
})

describe('fuzz/mutate', () => {
  const shapes = (seed: string) => {
    const random = seeded(seed)
    return Array.from({ length: 300 }, () =>
      bytesOf(mutate(REQUEST, random), 'a').toString('latin1'),
    )
  }

  it('draws the same shapes from the same seed, and others from another', () => {
    expect(shapes('a')).to.deep.equal(shapes('a'))
    expect(shapes('a')).not.to.deep.equal(shapes('b'))
  })

  it('leaves what it was given as it was, and seldom sends it unchanged', () => {
    const before = bytesOf(REQUEST, 'a').toString('latin1')
    const unchanged = shapes('c').filter((shape) => shape === before)
    expect(bytesOf(REQUEST, 'a').toString('latin1')).to.equal(before)
    expect(unchanged.length).to.be.below(60)
  })

  it('bends a value within its encoding', () => {
    const random = seeded('x')
    const xml = Buffer.from(`<a b="c">${'d'.repeat(60)}</a>`).toString('base64')
    const bent = Array.from({ length: 50 }, () =>
      Buffer.from(bend(xml, random), 'base64').toString(),
    )
    expect(bent.filter((text) => text.includes('dddd') && text.includes('<')).length).to.be.above(
      10,
    )
  })

  it('writes text that no encoder would', () => {
    expect(encode('a\ud800b')).to.equal('a%ED%A0%80b')
    expect(encode('ü\u0000')).to.equal('%C3%BC%00')
  })
})
