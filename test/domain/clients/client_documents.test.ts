import { expect } from 'chai'
import { createClientDocuments } from '../../../src/domain/clients/documents/client_documents.ts'
import type { OutboundResponse } from '../../../src/platform/outbound/exchange.ts'
import { OutboundError } from '../../../src/platform/outbound/outbound_error.ts'

const ID = 'https://workbench.example/client.json'
const DAY_MS = 86_400_000

describe('domain/clients/documents/client_documents', () => {
  let at: number
  let asked: number
  let answer: () => Promise<OutboundResponse>
  let refusals: string[]
  let documents: ReturnType<typeof createClientDocuments>

  const json = (content: unknown, status = 200, headers = {}) => ({
    status,
    headers: new Headers({ 'content-type': 'application/json', ...headers }),
    body: Buffer.from(JSON.stringify(content)),
  })
  const described =
    (client_name: string, headers = {}) =>
    async () =>
      json({ client_id: ID, client_name, redirect_uris: ['http://127.0.0.1/cb'] }, 200, headers)
  const away = async (): Promise<never> => {
    throw new OutboundError('connect', ID)
  }

  beforeEach(() => {
    at = Date.UTC(2026, 0, 1)
    asked = 0
    refusals = []
    answer = described('One')
    documents = createClientDocuments({
      request: async () => {
        asked += 1
        return await answer()
      },
      vetUrl: () => {},
      clock: { now: () => new Date(at) },
      mayFetch: async () => asked < 5,
      onRefused: (_, reason) => refusals.push(reason),
    })
  })

  it('fetches anew when the time of a document is over', async () => {
    answer = described('One', { 'cache-control': 'max-age=600' })
    expect(await documents.find(ID)).to.include({ name: 'One', preset: 'mcp', origin: 'document' })
    answer = described('Two')
    at += 599_000
    expect((await documents.find(ID))?.name).to.equal('One')
    at += 2_000
    expect((await documents.find(ID))?.name).to.equal('Two')
    expect(asked).to.equal(2)
  })

  it('keeps a client while its host is away, and asks again later', async () => {
    await documents.find(ID)
    for (const broken of [away, async () => json({}, 503), async () => json({}, 429)]) {
      answer = broken
      at += 300_001
      expect((await documents.find(ID))?.name).to.equal('One')
      expect((await documents.find(ID))?.name).to.equal('One')
    }
    expect(asked).to.equal(4)
    expect(refusals).to.deep.equal([
      'connect',
      'The address answers 503.',
      'The address answers 429.',
    ])
    answer = described('Two')
    at += 30_001
    expect((await documents.find(ID))?.name).to.equal('Two')
  })

  it('keeps a client where too much was fetched', async () => {
    await documents.find(ID)
    asked = 5
    at += DAY_MS
    expect((await documents.find(ID))?.name).to.equal('One')
    expect(refusals).to.deep.equal(['Too many documents were fetched.'])
  })

  it('ends a client at once whose document is gone, or no longer describes it', async () => {
    for (const changed of [
      async () => json({}, 404),
      async () => json({ client_id: 'https://other.example/client.json' }),
      async (): Promise<never> => {
        throw new OutboundError('blocked_redirect', ID)
      },
    ]) {
      documents.invalidate()
      asked = 0
      answer = described('One')
      await documents.find(ID)
      answer = changed
      at += 300_001
      expect(await documents.find(ID)).to.equal(undefined)
      answer = away
      expect(await documents.find(ID)).to.equal(undefined)
    }
  })

  it('fetches once however many ask', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => documents.find(ID)))
    expect(new Set(clients)).to.have.property('size', 1)
    expect(asked).to.equal(1)
  })

  it('tells of an error of our own as one', async () => {
    answer = async () => {
      throw new TypeError('ours')
    }
    const outcome = await documents.find(ID).catch((error: Error) => error.message)
    expect(outcome).to.equal('ours')
    answer = described('One')
    expect((await documents.find(ID))?.name).to.equal('One')
  })
})
