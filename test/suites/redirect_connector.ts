import { expect } from 'chai'
import { randomToken } from '../../src/core/secrets.ts'
import type {
  Connector,
  Departure,
  RedirectResult,
  RedirectStart,
  UpstreamPerson,
} from '../../src/domain/federation/connector.ts'

/** What every source that people sign in at themselves has in common, whatever it speaks. */

export type RedirectSource = {
  connector: Connector
  callbackUri: string
  /** Somebody signs in there: what the browser brings back. */
  signIn(departure: Departure, who: 'ada' | 'grace'): Promise<Params>
  /** Somebody says no there. */
  refuse(departure: Departure): Promise<Params>
  /** What is known of Ada. */
  ada: Partial<UpstreamPerson> & { subject: string }
  /** What must not be found in what is told of a person. */
  secrets: readonly string[]
  /** Takes the source away, for good. */
  takeAway(): Promise<void>
  stop(): Promise<void>
}

type Params = Record<string, string>

export function startOf(callbackUri: string, more: Partial<RedirectStart> = {}): RedirectStart {
  return { callbackUri, state: randomToken(), forceAuthn: false, acrValues: [], ...more }
}

/** A request that has left, with what was kept of it as a caller keeps it: as JSON. */
export async function depart(connector: Connector, start: RedirectStart) {
  const begun = await connector.redirect!.begin(start)
  if (begun.kind !== 'departs') throw new Error(`did not depart: ${begun.reason}`)
  const keep: unknown = JSON.parse(JSON.stringify(begun.keep))
  return { start, departure: begun.departure, keep }
}

export function refusal(result: RedirectResult): string {
  return result.kind === 'refused' ? result.reason : result.kind
}

export function provenPerson(result: RedirectResult): UpstreamPerson {
  if (result.kind === 'proven') return result.person
  throw new Error(`not proven: ${JSON.stringify(result)}`)
}

export function describeRedirectConnector(name: string, make: () => Promise<RedirectSource>): void {
  describe(`a source that people are redirected to: ${name}`, function () {
    this.timeout(60_000)
    let source: RedirectSource
    before(async () => {
      source = await make()
    })
    after(async () => await source?.stop())

    const left = () => depart(source.connector, startOf(source.callbackUri))
    const finish = (input: { start: RedirectStart; params: Params; keep: unknown }) =>
      source.connector.redirect!.finish(input)

    async function signedIn(who: 'ada' | 'grace') {
      const { start, departure, keep } = await left()
      return { start, keep, params: await source.signIn(departure, who) }
    }

    it('sends the browser away with the state and the address to come back to', async () => {
      const { start, departure } = await left()
      expect(departure.uri).to.match(/^https?:\/\//)
      expect(departure.uri).to.include(start.state)
      expect(departure.uri).to.include(encodeURIComponent(source.callbackUri))
    })

    it('keeps something else for every request', async () => {
      const [first, second] = [await left(), await left()]
      expect(first.keep).not.to.deep.equal(second.keep)
    })

    it('proves who signed in', async () => {
      const result = await finish(await signedIn('ada'))
      expect(provenPerson(result)).to.deep.include(source.ada)
    })

    it('names the same subject again, and another for somebody else', async () => {
      const again = provenPerson(await finish(await signedIn('ada')))
      const other = provenPerson(await finish(await signedIn('grace')))
      expect(again.subject).to.equal(source.ada.subject)
      expect(other.subject).to.be.a('string').and.not.equal(source.ada.subject)
    })

    it('tells nothing secret of a person', async () => {
      const input = await signedIn('ada')
      const told = JSON.stringify(provenPerson(await finish(input)))
      for (const secret of [input.params['code'] ?? '', ...source.secrets]) {
        expect(told).not.to.include(secret)
      }
    })

    it('refuses an answer with the state of another request', async () => {
      const { params } = await signedIn('ada')
      const { start, keep } = await left()
      expect(refusal(await finish({ start, keep, params }))).to.equal('invalid')
    })

    it('refuses an answer without state', async () => {
      const { start, keep, params } = await signedIn('ada')
      const { state: _state, ...rest } = params
      expect(refusal(await finish({ start, keep, params: rest }))).to.equal('invalid')
    })

    it('refuses an answer to a request of which nothing was kept', async () => {
      const { start, params } = await signedIn('ada')
      for (const keep of [undefined, null, {}, 'text']) {
        expect(refusal(await finish({ start, keep, params }))).to.equal('invalid')
      }
    })

    it('refuses an answer that came before', async () => {
      const input = await signedIn('ada')
      expect((await finish(input)).kind).to.equal('proven')
      expect(refusal(await finish(input))).to.equal('invalid')
    })

    it('tells that somebody said no', async () => {
      const { start, departure, keep } = await left()
      const params = await source.refuse(departure)
      expect(refusal(await finish({ start, keep, params }))).to.equal('denied')
    })

    it('says that it works', async () => {
      const probed = await source.connector.probe()
      expect(probed).to.have.property('ok', true)
    })

    describe('that is not there any more', () => {
      let input: Awaited<ReturnType<typeof signedIn>>
      before(async () => {
        input = await signedIn('ada')
        await source.takeAway()
      })

      it('is told from one that refused', async () => {
        const result = await finish(input)
        expect(result.kind).to.equal('unavailable')
        expect(JSON.stringify(result)).not.to.include(input.params['code'])
      })

      it('says so when it is probed', async () => {
        const probed = await source.connector.probe()
        expect(probed).to.have.property('ok', false)
      })
    })
  })
}
