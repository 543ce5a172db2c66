import { expect } from 'chai'
import type { DirectoryConnector, DirectoryEntry } from '../../src/domain/federation/connector.ts'
import { OutboundError } from '../../src/platform/outbound/outbound_error.ts'

/** What holds of every source that tells who there is. */
export type DirectorySource = {
  connector: DirectoryConnector
  /** Usernames that are there, more than three. */
  usernames: readonly string[]
  stop(): Promise<void>
}

/** @param make may skip the suite, with its reason, where the source is not there */
export function describeDirectoryConnector(
  name: string,
  make: (context: Mocha.Context) => Promise<DirectorySource>,
): void {
  describe(`a source that tells who there is: ${name}`, function () {
    this.timeout(120_000)
    let source: DirectorySource
    before(async function () {
      source = await make(this)
    })
    after(() => source?.stop())

    const everybody = async (pageSize: number, signal = new AbortController().signal) => {
      const pages: (readonly DirectoryEntry[])[] = []
      for await (const page of source.connector.list({ pageSize, signal })) pages.push(page)
      return pages
    }

    it('tells of everybody, once, in pages no larger than asked for', async () => {
      const pages = await everybody(2)
      expect(Math.max(...pages.map(({ length }) => length))).to.equal(2)
      const people = pages.flat().map(({ person }) => person)
      expect(people.map(({ username }) => username)).to.include.members([...source.usernames])
      expect(new Set(people.map(({ subject }) => subject)).size).to.equal(people.length)
    })

    it('tells the same of everybody whatever the size of a page', async () => {
      const names = async (pageSize: number) =>
        (await everybody(pageSize)).flat().map(({ person }) => person.subject)
      expect((await names(3)).sort()).to.deep.equal((await names(500)).sort())
    })

    it('finds each by the subject', async () => {
      const [first] = (await everybody(500)).flat()
      expect(await source.connector.find(first!.person.subject)).to.deep.equal(first)
    })

    it('finds nobody by another subject', async () => {
      for (const subject of ['00000000-0000-4000-8000-000000000000', '*', '', 'x)(uid=*', '\0']) {
        expect(await source.connector.find(subject), subject).to.equal(undefined)
      }
    })

    it('stops where whoever asks has enough', async () => {
      for await (const page of source.connector.list({
        pageSize: 1,
        signal: new AbortController().signal,
      })) {
        expect(page.length).to.be.at.most(1)
        break
      }
      expect((await everybody(500)).flat().length).to.be.at.least(source.usernames.length)
    })

    it('breaks off where it is told to', async () => {
      const abort = new AbortController()
      let pages = 0
      let error: unknown
      try {
        for await (const _ of source.connector.list({ pageSize: 1, signal: abort.signal })) {
          pages += 1
          abort.abort()
        }
      } catch (thrown) {
        error = thrown
      }
      expect(pages).to.equal(1)
      expect(error).to.have.property('name', 'AbortError')
    })

    it('fails, and tells of nobody as gone, where the source cannot be asked', async () => {
      await source.stop()
      for (const ask of [() => everybody(2), () => source.connector.find('x')]) {
        const error = await ask().then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        expect(error).to.be.instanceOf(OutboundError)
      }
    })
  })
}
