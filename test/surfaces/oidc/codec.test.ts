import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { newId } from '../../../src/core/ids.ts'
import { createKeyring } from '../../../src/platform/keys/keyring.ts'
import { createCodec } from '../../../src/surfaces/oidc/adapters/codec.ts'
import { MODELS, type ModelName } from '../../../src/surfaces/oidc/adapters/models.ts'
import { openSuccessor, sealSuccessor } from '../../../src/surfaces/oidc/grants/refresh_retry.ts'

describe('surfaces/oidc/adapters/codec', () => {
  const keyring = createKeyring({
    encryptionKeys: [{ id: 'k1', key: randomBytes(32) }],
    hashKey: randomBytes(32),
  })
  const codec = createCodec(keyring)

  it('keeps the id of a token out of what is stored, and puts it back when found by it', () => {
    const record = codec.encode(
      'RefreshToken',
      'the-token',
      { jti: 'the-token', scope: 'openid' },
      60,
    )
    expect(JSON.stringify(record.payload)).not.to.contain('the-token')
    expect(record.sealed).to.equal(undefined)
    expect(codec.decode(record, 'the-token')).to.include({ jti: 'the-token', scope: 'openid' })
  })

  it('seals the id of a session, which is also found by its uid', () => {
    const record = codec.encode('Session', 'cookie-value', { jti: 'cookie-value', uid: 'u' }, 60)
    expect(JSON.stringify(record.payload)).not.to.contain('cookie-value')
    expect(codec.decode(record)).to.include({ jti: 'cookie-value', uid: 'u' })
  })

  it('gives back every payload of every model as it was, and stores no secret of it in the open', () => {
    const model = fc.constantFrom(...(Object.keys(MODELS) as ModelName[]))
    const names = ['grantId', 'uid', 'accountId', 'clientId', 'nonce', 'params', 'rar', 'state']
    const payload = fc.dictionary(
      fc.oneof(fc.constantFrom(...names, 'request', 'userCode', 'returnTo'), fc.string()),
      fc.jsonValue({ maxDepth: 2 }),
      { maxKeys: 6 },
    )
    fc.assert(
      fc.property(model, fc.uuid(), payload, (model, id, given) => {
        const { jti: _, session: __, ['__proto__']: ___, ...payload } = given
        const secret = `secret of ${id}`
        for (const key of MODELS[model].sealed) if (key !== 'jti') payload[key] = { secret }
        const record = codec.encode(model, id, { jti: id, ...payload } as never, 60)
        // As a store keeps it.
        const stored = { ...record, payload: JSON.parse(JSON.stringify(record.payload)) }
        const open = JSON.stringify(stored.payload)
        expect(open).not.to.contain(id)
        expect(open).not.to.contain(secret)
        const back = JSON.parse(JSON.stringify({ ...payload, jti: id }))
        expect(codec.decode(stored, id)).to.deep.equal(back)
      }),
      { numRuns: 300 },
    )
  })

  it('forgets the session cookie that the engine writes into an interaction', () => {
    const payload = { session: { uid: 'u', cookie: 'cookie-value' }, params: { state: 's' } }
    const record = codec.encode('Interaction', 'uid', payload, 60)
    expect(codec.decode(record, 'uid')).to.deep.equal({
      jti: 'uid',
      session: { uid: 'u' },
      params: { state: 's' },
    })
  })

  it('files an interaction under the account and the grant that it came to', () => {
    const accountId = newId()
    const result = { login: { accountId, amr: ['pwd'] }, consent: { grantId: 'new' } }
    const before = codec.encode('Interaction', 'uid', { grantId: 'old' }, 60)
    const after = codec.encode('Interaction', 'uid', { grantId: 'old', result }, 60)
    expect(before.grantHash).to.deep.equal(codec.idHash('old'))
    expect(before.accountId).to.equal(undefined)
    expect(after.grantHash).to.deep.equal(codec.idHash('new'))
    expect(after.accountId).to.equal(accountId)
    const refused = codec.encode('Interaction', 'uid', { result: { error: 'access_denied' } }, 60)
    expect(refused).to.deep.include({ grantHash: undefined, accountId: undefined })
  })

  it('does not open what was moved from another row', () => {
    const one = codec.encode('DeviceCode', 'one', { userCode: 'AAAA' }, 60)
    const two = codec.encode('DeviceCode', 'two', { userCode: 'BBBB' }, 60)
    expect(() => codec.decode({ ...two, sealed: one.sealed })).to.throw('sealed value')
  })

  it('keeps what a newer engine may add to a payload', () => {
    const record = codec.encode('Grant', 'g', { fromTheFuture: { deep: [1] } }, undefined)
    expect(codec.decode(record, 'g')).to.deep.include({ fromTheFuture: { deep: [1] } })
    expect(record.expiresAt).to.equal(undefined)
  })

  it('refuses a lifetime that is no number, which would never end', () => {
    expect(() => codec.encode('AccessToken', 't', {}, Number.NaN)).to.throw(TypeError)
  })

  it('indexes accounts by ids of ours only', () => {
    const accountId = newId()
    expect(codec.encode('Grant', 'g', { accountId }, 60).accountId).to.equal(accountId)
    expect(codec.encode('Grant', 'g', { accountId: 'x' }, 60).accountId).to.equal(undefined)
  })
})

describe('surfaces/oidc/grants/refresh_retry', () => {
  it('opens a successor only with the token it replaced', () => {
    const sealed = sealSuccessor('old', 'new')
    expect(openSuccessor('old', sealed)).to.equal('new')
    expect(() => openSuccessor('other', sealed)).to.throw()
  })
})
