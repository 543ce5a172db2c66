import { expect } from 'chai'
import * as catalogue from '../../../src/platform/events/catalogue.ts'
import { cloudEventOf } from '../../../src/platform/events/cloud_event.ts'

describe('platform/events/cloud_event', () => {
  const stored = {
    id: '01a20000-0000-7000-8000-000000000000',
    type: 'auth.client.created',
    subject: 'demo-web',
    occurredAt: new Date('2026-11-21T10:00:00Z'),
    data: { clientId: 'demo-web' },
  }

  it('has what CloudEvents 1.0 requires, and the issuer as its source', () => {
    expect(cloudEventOf(stored, 'https://login.example.test')).to.deep.equal({
      specversion: '1.0',
      id: stored.id,
      source: 'https://login.example.test',
      type: 'auth.client.created',
      subject: 'demo-web',
      time: '2026-11-21T10:00:00.000Z',
      datacontenttype: 'application/json',
      data: { clientId: 'demo-web' },
    })
  })

  it('leaves out a subject that is not there', () => {
    expect(cloudEventOf({ ...stored, subject: null }, 'https://a.test')).not.to.have.property(
      'subject',
    )
  })
})

describe('platform/events/catalogue', () => {
  const types = Object.values(catalogue).map(({ type }) => type)

  it('names each type once', () => {
    expect(new Set(types).size).to.equal(types.length)
  })

  it('names facts in the past tense, but for the four that are known by other names', () => {
    const known = [
      'auth.user_created',
      'auth.login.success',
      'auth.login.failed',
      'auth.user_locked',
    ]
    expect(types).to.include.members(known)
    for (const type of types.filter((name) => !known.includes(name))) {
      expect(type).to.match(/^auth\.[a-z_]+\.[a-z_]*(ed|issued|detected|failed|sent)$/)
    }
  })
})
