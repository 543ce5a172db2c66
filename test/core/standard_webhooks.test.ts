import { expect } from 'chai'
import { isSignedWebhook, signWebhook } from '../../src/core/standard_webhooks.ts'

// The example of the Standard Webhooks specification's libraries.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const AT = new Date(1_614_265_330_000)
const BODY = '{"test": 2432232314}'

describe('Standard Webhooks', () => {
  const headers = signWebhook(SECRET, { id: ID, at: AT, body: BODY })
  const holds = (change: object = {}, { body = BODY, now = AT } = {}) =>
    isSignedWebhook(SECRET, { headers: { ...headers, ...change }, body, now })

  it('sign as the specification’s example', () => {
    expect(headers['webhook-signature']).to.equal('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
    expect(headers['webhook-timestamp']).to.equal('1614265330')
  })

  it('are believed as they were signed, also beside the signature of another secret', () => {
    expect(holds()).to.equal(true)
    const several = `v1,abc ${headers['webhook-signature']}`
    expect(holds({ 'webhook-signature': several })).to.equal(true)
  })

  it('are not believed with another body, id, time or signature, or with none', () => {
    expect(holds({}, { body: `${BODY} ` })).to.equal(false)
    expect(holds({ 'webhook-id': 'msg_2' })).to.equal(false)
    expect(holds({ 'webhook-id': '' })).to.equal(false)
    expect(holds({ 'webhook-timestamp': '1614265331' })).to.equal(false)
    expect(holds({ 'webhook-timestamp': 'NaN' })).to.equal(false)
    expect(holds({ 'webhook-signature': 'v1,' })).to.equal(false)
    expect(holds({ 'webhook-signature': undefined })).to.equal(false)
  })

  it('are not believed five minutes later, or earlier', () => {
    expect(holds({}, { now: new Date(AT.getTime() + 299_000) })).to.equal(true)
    expect(holds({}, { now: new Date(AT.getTime() + 301_000) })).to.equal(false)
    expect(holds({}, { now: new Date(AT.getTime() - 301_000) })).to.equal(false)
  })
})
