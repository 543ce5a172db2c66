import { expect } from 'chai'
import { channelsOf } from '../../../src/domain/messaging/channels.ts'
import { loadConfig } from '../../../src/platform/config/load_config.ts'

describe('the ways by which messages can leave', () => {
  const { messaging } = loadConfig({})

  it('are both there outside production, where the development inbox has them', () => {
    for (const environment of ['development', 'test'] as const) {
      expect([...channelsOf({ environment, messaging })]).to.deep.equal(['email', 'sms'])
    }
  })

  it('are those that are configured in production', () => {
    const environment = 'production'
    expect([...channelsOf({ environment, messaging })]).to.deep.equal([])
    const mail = { ...messaging, smtpUrls: ['smtp://mail.example.com'] }
    expect([...channelsOf({ environment, messaging: mail })]).to.deep.equal(['email'])
    const sms = { ...messaging, smsTransports: ['hook' as const] }
    expect([...channelsOf({ environment, messaging: sms })]).to.deep.equal(['sms'])
  })
})
