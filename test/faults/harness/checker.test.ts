import { expect } from 'chai'
import { type Allowed, check } from './checker.ts'
import type { Answer, Call, Kind, Thing } from './history.ts'

/** The checker is shown histories that are wrong, one way each, and the same ones put right. */
const OK: Answer = { kind: 'ok' }
const NO: Answer = { kind: 'refused', status: 400, error: 'invalid_grant' }
const SILENCE: Answer = { kind: 'unanswered', why: 'ECONNRESET' }
const LATER: Answer = { kind: 'unavailable' }

type Line = Partial<Call> & { op: string; answer: Answer; at: [number, number] }

/** Labels are `family:kind:number`. */
function judge(lines: Line[], allowed?: Allowed): string[] {
  const calls: Call[] = lines.map(({ at: [startedAt, endedAt], ...line }) => ({
    actor: 'ada',
    shows: [],
    brings: [],
    startedAt,
    endedAt,
    ...line,
  }))
  const labels = calls.flatMap(({ shows, brings }) => [...shows, ...brings])
  const things = new Map<string, Thing>(
    labels.map((label) => {
      const [family = '', kind] = label.split(':')
      return [label, { label, kind: kind as Kind, family }]
    }),
  )
  return check({ calls, things }, allowed).map(({ rule, why }) => `${rule}: ${why}`)
}

const CODE = 'f:code:1'
const REFRESH = 'f:refresh_token:1'
const NEXT = 'f:refresh_token:2'
const ACCESS = 'f:access_token:1'

const signedIn: Line = { op: 'authorize', answer: OK, brings: [CODE], at: [0, 1] }
const exchanged: Line = {
  op: 'exchange',
  answer: OK,
  shows: [CODE],
  brings: [REFRESH, ACCESS],
  at: [2, 3],
}
const refreshed: Line = { op: 'refresh', answer: OK, shows: [REFRESH], brings: [NEXT], at: [4, 5] }
const revoked: Line = { op: 'revoke', answer: OK, shows: [REFRESH], ends: 'all', at: [4, 5] }

describe('the checker of histories', () => {
  it('finds nothing in a day without faults', () => {
    const used: Line = { op: 'userinfo', answer: OK, shows: [ACCESS], at: [6, 7] }
    const end: Line = { op: 'revoke', answer: OK, shows: [NEXT], ends: 'all', at: [8, 9] }
    const after: Line = { op: 'userinfo', answer: NO, shows: [ACCESS], at: [10, 11] }
    expect(judge([signedIn, exchanged, refreshed, used, end, after])).to.deep.equal([])
  })

  describe('wrong answers', () => {
    it('are told wherever they are', () => {
      const wrong: Line = { op: 'token', answer: { kind: 'wrong', why: '500' }, at: [0, 1] }
      expect(judge([wrong])).to.deep.equal(['no wrong answer: 500'])
    })
  })

  describe('what is used once', () => {
    it('must not be a code that becomes tokens twice', () => {
      const again: Line = { ...exchanged, brings: ['f:refresh_token:9'], at: [4, 5] }
      expect(judge([signedIn, exchanged, again])).to.include(
        `what is used once becomes one thing: ${CODE} became f:refresh_token:9 and ${REFRESH}`,
      )
    })

    it('must not be a refresh token with two successors, even where they were asked at once', () => {
      const race: Line = { ...refreshed, brings: ['f:refresh_token:9'], at: [4, 5] }
      expect(judge([signedIn, exchanged, refreshed, race])).to.have.length(2)
    })

    it('must not be a code that works after a use in doubt and once more', () => {
      const doubtful: Line = { op: 'exchange', answer: SILENCE, shows: [CODE], at: [2, 3] }
      const first: Line = { ...exchanged, at: [4, 5] }
      const second: Line = { ...exchanged, brings: ['f:refresh_token:9'], at: [6, 7] }
      expect(judge([signedIn, doubtful, first, second])).to.have.length(2)
      expect(judge([signedIn, doubtful, first])).to.deep.equal([])
    })

    it('must not be a pushed request that leads to two codes', () => {
      const uri = 'f:request_uri:1'
      const pushed: Line = { op: 'par', answer: OK, brings: [uri], at: [0, 1] }
      const one: Line = { op: 'resume', answer: OK, shows: [uri], brings: [CODE], at: [2, 3] }
      const two: Line = { ...one, brings: ['f:code:2'], at: [4, 5] }
      expect(judge([pushed, one, two])).to.have.length(2)
    })

    it('may be a refresh token whose honest retry is given the same successor', () => {
      expect(judge([signedIn, exchanged, refreshed, { ...refreshed, at: [6, 7] }])).to.deep.equal(
        [],
      )
    })

    it('may be refused the second time', () => {
      expect(judge([signedIn, exchanged, { ...exchanged, brings: [], answer: NO, at: [4, 5] }])).to
        .be.empty
    })
  })

  describe('what was acknowledged', () => {
    const refused = (shows: string[], at: [number, number]): Line => ({
      op: 'use',
      answer: NO,
      shows,
      at,
    })

    for (const [what, label] of [
      ['a refresh token', REFRESH],
      ['an access token', ACCESS],
    ] as const) {
      it(`must not be ${what} that is refused though nothing happened to it`, () => {
        expect(judge([signedIn, exchanged, refused([label], [6, 7])])).to.deep.equal([
          `nothing acknowledged is lost: use was refused (400 invalid_grant), and nothing had happened to ${label}`,
        ])
      })
    }

    it('must not be a code that is refused at its first use', () => {
      expect(judge([signedIn, refused([CODE], [2, 3])])).to.have.length(1)
    })

    it('must not be a successor that is gone', () => {
      expect(judge([signedIn, exchanged, refreshed, refused([NEXT], [6, 7])])).to.have.length(1)
    })

    it('must not be a session that is forgotten', () => {
      const session: Line = { op: 'login', answer: OK, brings: ['f:session:1'], at: [0, 1] }
      expect(judge([session, refused(['f:session:1'], [2, 3])])).to.have.length(1)
    })

    it('must not be refused because the server said "not now" before', () => {
      const later: Line = { op: 'refresh', answer: LATER, shows: [REFRESH], at: [4, 5] }
      expect(judge([signedIn, exchanged, later, refused([REFRESH], [6, 7])])).to.have.length(1)
    })

    it('may be in doubt after a "not now" where a store was lost under it', () => {
      const later: Line = { op: 'refresh', answer: LATER, shows: [REFRESH], at: [4, 5] }
      const history = [signedIn, exchanged, later, refused([REFRESH], [6, 7])]
      expect(judge(history, { notNowIsInDoubt: true })).to.deep.equal([])
    })

    it('must not be refused because of a revocation that came later', () => {
      const late: Line = { ...revoked, at: [8, 9] }
      expect(judge([signedIn, exchanged, refused([REFRESH], [6, 7]), late])).to.have.length(1)
    })

    it('must not be a request that shows nothing and is refused', () => {
      expect(judge([refused([], [0, 1])])).to.deep.equal([
        'nothing acknowledged is lost: use was refused (400 invalid_grant) for no reason',
      ])
    })

    it('may be in doubt: used, revoked, or a page gone through, with no answer', () => {
      const doubtful = (line: Line): Line => ({ ...line, answer: SILENCE, brings: [] })
      const histories: Line[][] = [
        [signedIn, doubtful(exchanged), refused([CODE], [6, 7])],
        [signedIn, exchanged, doubtful(refreshed), refused([REFRESH], [6, 7])],
        [signedIn, exchanged, doubtful(revoked), refused([ACCESS], [6, 7])],
      ]
      for (const history of histories) expect(judge(history)).to.deep.equal([])
    })

    it('may be in doubt while the other use is still going on', () => {
      const slow: Line = { ...refreshed, at: [4, 20] }
      expect(judge([signedIn, exchanged, slow, refused([REFRESH], [6, 7])])).to.deep.equal([])
    })

    it('may fall with its family where something of it was shown twice', () => {
      const again: Line = { ...exchanged, answer: NO, brings: [], at: [4, 5] }
      expect(judge([signedIn, exchanged, again, refused([ACCESS], [6, 7])])).to.deep.equal([])
      const other = 'g:access_token:1'
      const elsewhere: Line = { ...exchanged, shows: [], brings: ['g:refresh_token:1', other] }
      expect(
        judge([signedIn, exchanged, again, elsewhere, refused([other], [6, 7])]),
      ).to.have.length(1)
    })

    it('must not fall with its family where the second showing was an honest retry', () => {
      const doubtful: Line = { ...refreshed, answer: SILENCE, brings: [] }
      const retry: Line = { ...refreshed, at: [6, 7] }
      const history = [signedIn, exchanged, doubtful, retry, refused([ACCESS], [8, 9])]
      expect(judge(history)).to.have.length(1)
    })

    it('may end by itself when its time is over, not before', () => {
      expect(judge([signedIn, refused([CODE], [61_000, 61_001])])).to.deep.equal([])
      expect(judge([signedIn, refused([CODE], [50_000, 50_001])])).to.have.length(1)
    })

    it('may be ended by a fault that says so, only what it says and only what was there', () => {
      const history = [signedIn, exchanged, refused([ACCESS], [20, 21])]
      const ends = (kinds: Kind[], until: number) => ({ ends: { kinds, until } })
      expect(judge(history, ends(['access_token'], 10))).to.deep.equal([])
      expect(judge(history, ends(['service_token'], 10))).to.have.length(1)
      expect(judge(history, ends(['access_token'], 1))).to.have.length(1)
    })

    it('may be ended by a fault that was over between the question and the answer', () => {
      const ends = { kinds: ['access_token'] as const, until: 2.5 }
      const history = [signedIn, exchanged, refused([ACCESS], [20, 21])]
      expect(judge(history, { ends })).to.deep.equal([])
    })
  })

  describe('what was taken back', () => {
    const use = (label: string, at: [number, number]): Line => ({
      op: 'userinfo',
      answer: OK,
      shows: [label],
      at,
    })
    const rule = 'nothing works after its end was acknowledged'

    it('must not work: the token itself', () => {
      const one: Line = { op: 'revoke', answer: OK, shows: [ACCESS], ends: 'one', at: [4, 5] }
      expect(judge([signedIn, exchanged, one, use(ACCESS, [6, 7])])).to.deep.equal([
        `${rule}: ${ACCESS} worked after revoke of ${ACCESS} was acknowledged`,
      ])
    })

    it('must not work: the rest of its family', () => {
      expect(judge([signedIn, exchanged, revoked, use(ACCESS, [6, 7])])).to.deep.equal([
        `${rule}: ${ACCESS} worked after revoke of ${REFRESH} was acknowledged`,
      ])
    })

    it('must not work: what a refresh brought that was under way', () => {
      const overlapping: Line = { ...refreshed, at: [3, 6] }
      const successor: Line = { op: 'refresh', answer: OK, shows: [NEXT], brings: [], at: [7, 8] }
      expect(judge([signedIn, exchanged, revoked, overlapping, successor])).to.deep.equal([
        `${rule}: ${NEXT} worked after revoke of ${REFRESH} was acknowledged`,
      ])
    })

    it('may work until the answer is there, and after one that did not come', () => {
      expect(judge([signedIn, exchanged, revoked, use(ACCESS, [4.5, 7])])).to.deep.equal([])
      const doubtful: Line = { ...revoked, answer: SILENCE }
      expect(judge([signedIn, exchanged, doubtful, use(ACCESS, [6, 7])])).to.deep.equal([])
    })

    it('leaves the others of the family alone where one token was meant', () => {
      const one: Line = { op: 'revoke', answer: OK, shows: [ACCESS], ends: 'one', at: [4, 5] }
      const successor: Line = { ...refreshed, at: [6, 7] }
      expect(judge([signedIn, exchanged, one, successor])).to.deep.equal([])
    })
  })
})
