import { expect } from 'chai'
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import { newId } from '../../src/core/ids.ts'
import { randomToken } from '../../src/core/secrets.ts'
import { query } from '../../src/platform/persistence/db.ts'
import { createAdapterFactory } from '../../src/surfaces/oidc/adapters/adapter_for_model.ts'
import { MODELS, type ModelName } from '../../src/surfaces/oidc/adapters/models.ts'
import { ConsumedElsewhere, inUnitOfWork } from '../../src/surfaces/oidc/adapters/unit_of_work.ts'
import { type AuthCore, statementsOf } from '../support/authcore.ts'

/** What the engine asks of an adapter, and what we ask of ours besides. */

const SINGLE_USE = (Object.keys(MODELS) as ModelName[]).filter(
  (model) => 'secondUse' in MODELS[model],
)

export function describeAdapterContract(running: () => AuthCore): void {
  describe('the adapter contract', () => {
    let adapterOf: (model: ModelName) => Adapter
    const inUnit = <T>(work: () => Promise<T>) => inUnitOfWork(running().parts.stores, work)

    before(() => {
      const { stores, codec } = running().parts
      adapterOf = createAdapterFactory({
        stores,
        codec,
        findClient: async () => undefined,
        refreshReuseDetectionS: 600,
      })
    })

    for (const model of Object.keys(MODELS) as ModelName[]) {
      describe(model, () => {
        it('finds what was stored, with what it does not know, and the id put back', async () => {
          const [id, payload] = [randomToken(), payloadOf(model)]
          await adapterOf(model).upsert(id, payload, 60)
          expect(await adapterOf(model).find(id)).to.deep.equal({ ...payload, jti: id })
        })

        it('replaces what is there', async () => {
          const [id, payload] = [randomToken(), payloadOf(model)]
          await adapterOf(model).upsert(id, payload, 60)
          await adapterOf(model).upsert(id, { ...payload, later: [1] }, 60)
          expect(await adapterOf(model).find(id)).to.include.keys('later')
        })

        it('finds nothing of another model under the same id', async () => {
          const [id, other] = [randomToken(), model === 'Grant' ? 'AccessToken' : 'Grant']
          await adapterOf(model).upsert(id, payloadOf(model), 60)
          expect(await adapterOf(other as ModelName).find(id)).to.equal(undefined)
        })

        it('forgets what is destroyed, and bears it twice', async () => {
          const id = randomToken()
          await adapterOf(model).upsert(id, payloadOf(model), 60)
          await adapterOf(model).destroy(id)
          await adapterOf(model).destroy(id)
          expect(await adapterOf(model).find(id)).to.equal(undefined)
        })

        it('keeps what has no lifetime', async () => {
          const id = randomToken()
          await adapterOf(model).upsert(id, payloadOf(model), undefined as unknown as number)
          expect(await adapterOf(model).find(id)).to.include({ jti: id })
        })

        it('refuses a lifetime that is no number, and stores nothing', async () => {
          for (const lifetime of [Number.NaN, Number.POSITIVE_INFINITY]) {
            const id = randomToken()
            const storing = adapterOf(model).upsert(id, payloadOf(model), lifetime)
            expect(await storing.catch((error) => error)).to.be.instanceOf(TypeError)
            expect(await adapterOf(model).find(id)).to.equal(undefined)
          }
        })

        it('keeps U+0000 and half a surrogate pair as they came', async () => {
          const [id, state] = [randomToken(), 'a\u0000b\ud800c\udc00d é 👍']
          const payload: AdapterPayload = { ...payloadOf(model), params: { state } }
          Object.assign(payload, { state: { text: state }, result: { state } })
          await adapterOf(model).upsert(id, payload, 60)
          expect(await adapterOf(model).find(id)).to.deep.equal({ ...payload, jti: id })
        })
      })
    }

    for (const model of (Object.keys(MODELS) as ModelName[]).filter(
      (name) => MODELS[name].home === 'durable' && name !== 'Session',
    )) {
      it(`finds an expired ${model}, so that the engine can tell expired from unknown`, async () => {
        const id = randomToken()
        await adapterOf(model).upsert(id, payloadOf(model), -30)
        expect(await adapterOf(model).find(id)).to.include({ jti: id })
      })
    }

    for (const model of SINGLE_USE) {
      it(`lets one of two consume a ${model}, on its own or in a request`, async () => {
        const [alone, within] = [randomToken(), randomToken()]
        for (const id of [alone, within]) {
          await adapterOf(model).upsert(id, payloadOf(model), 60)
        }
        await adapterOf(model).consume(alone)
        const second = await adapterOf(model)
          .consume(alone)
          .catch((error) => error)
        expect(second).to.be.instanceOf(
          model === 'PushedAuthorizationRequest' ? errors.InvalidRequestUri : errors.InvalidGrant,
        )
        const outcomes = await Promise.allSettled(
          Array.from({ length: 10 }, () =>
            inUnit(async () => {
              await adapterOf(model).find(within)
              await adapterOf(model).consume(within)
            }),
          ),
        )
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
        expect((await adapterOf(model).find(within))?.['consumed']).to.be.a('number')
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') continue
          expect(outcome.reason).to.satisfy(
            (error: unknown) =>
              error instanceof ConsumedElsewhere || error instanceof errors.OIDCProviderError,
          )
        }
      })
    }

    it('ends also what PostgreSQL took while Redis was away', async () => {
      const { stores, codec } = running().parts
      const without = createAdapterFactory({
        stores: { db: stores.db, redis: undefined },
        codec,
        findClient: async () => undefined,
        refreshReuseDetectionS: 600,
      })
      for (const model of ['Interaction', 'AccessToken', 'ClientCredentials'] as const) {
        const id = randomToken()
        await without(model).upsert(id, payloadOf(model), 60)
        expect(await adapterOf(model).find(id)).to.include({ jti: id })
        await adapterOf(model).destroy(id)
        expect(await adapterOf(model).find(id), model).to.equal(undefined)
      }
    })

    it('lets one of ten claim a device code, whatever text its request carried', async () => {
      const id = randomToken()
      const { accountId: _, ...unclaimed } = payloadOf('DeviceCode')
      const payload: AdapterPayload = { ...unclaimed, scope: 'a\u0000b' }
      await adapterOf('DeviceCode').upsert(id, payload, 60)
      const barrier = Promise.withResolvers<void>()
      let readers = 0
      const claims = Array.from({ length: 10 }, () =>
        inUnit(async () => {
          const found = await adapterOf('DeviceCode').find(id)
          if (++readers === 10) barrier.resolve()
          await barrier.promise
          await adapterOf('DeviceCode').upsert(id, { ...found, inFlight: true }, 60)
        }),
      )
      const outcomes = await Promise.allSettled(claims)
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
      expect(lost.map(({ reason }) => (reason as Error).name)).to.deep.equal(
        Array(9).fill('AlreadyUsedError'),
      )
      expect(await adapterOf('DeviceCode').find(id)).to.include({ inFlight: true })
    })

    it('consumes nothing that is not there', async () => {
      for (const model of SINGLE_USE) {
        const consuming = adapterOf(model).consume(randomToken())
        expect(await consuming.catch((error) => error)).to.be.instanceOf(errors.OIDCProviderError)
      }
    })

    it('writes nothing of a request that lost the race for its code', async () => {
      const [code, token] = [randomToken(), randomToken()]
      await adapterOf('AuthorizationCode').upsert(code, payloadOf('AuthorizationCode'), 60)
      await adapterOf('AuthorizationCode').consume(code)
      const lost = inUnit(async () => {
        await adapterOf('AuthorizationCode').consume(code)
        await adapterOf('RefreshToken').upsert(token, payloadOf('RefreshToken'), 60)
      })
      expect(await lost.catch((error) => error)).to.be.instanceOf(ConsumedElsewhere)
      expect(await adapterOf('RefreshToken').find(token)).to.equal(undefined)
    })

    it('consumes nothing whose grant is gone', async () => {
      const [code, grantId] = [randomToken(), randomToken()]
      const payload = { ...payloadOf('AuthorizationCode'), grantId }
      await adapterOf('AuthorizationCode').upsert(code, payload, 60)
      const consuming = inUnit(async () => {
        await adapterOf('AuthorizationCode').find(code)
        await adapterOf('AuthorizationCode').consume(code)
      })
      expect(await consuming.catch((error) => error)).to.be.instanceOf(ConsumedElsewhere)
    })

    it('finds a device code by its user code, whole', async () => {
      const [id, userCode] = [randomToken(), randomToken(6)]
      const payload = { ...payloadOf('DeviceCode'), userCode }
      await adapterOf('DeviceCode').upsert(id, payload, 60)
      expect(await adapterOf('DeviceCode').findByUserCode(userCode)).to.deep.equal({
        ...payload,
        jti: id,
      })
    })

    it('gives the newest row of a session, with the authorizations of all of them', async () => {
      const uid = randomToken()
      const [older, newer] = [randomToken(), randomToken()]
      const session = (
        acr: string,
        authorizations: NonNullable<AdapterPayload['authorizations']>,
      ): AdapterPayload => ({
        ...payloadOf('Session'),
        uid,
        acr,
        authorizations,
      })
      await adapterOf('Session').upsert(older, session('old', { one: { sid: '1' } }), 60)
      await adapterOf('Session').upsert(newer, session('new', { two: { sid: '2' } }), 60)
      const found = await adapterOf('Session').findByUid(uid)
      expect(found).to.deep.include({
        acr: 'new',
        authorizations: { one: { sid: '1' }, two: { sid: '2' } },
      })
    })

    it('loses no authorization of a session that many requests save at once', async () => {
      const [id, uid] = [randomToken(), randomToken()]
      const session = { ...payloadOf('Session'), uid, authorizations: { first: { sid: '0' } } }
      await adapterOf('Session').upsert(id, session, 60)
      const clients = Array.from({ length: 10 }, (_, index) => `client${index}`)
      await Promise.all(
        clients.map((client) =>
          adapterOf('Session').upsert(
            id,
            { ...session, authorizations: { first: { sid: '0' }, [client]: { sid: client } } },
            60,
          ),
        ),
      )
      const found = await adapterOf('Session').find(id)
      expect(found?.authorizations).to.have.keys('first', ...clients)
    })

    it('lets a session that was given a new id serve for a moment more, and no longer', async () => {
      const [old, young, uid] = [randomToken(), randomToken(), randomToken()]
      const session = { ...payloadOf('Session'), uid }
      await adapterOf('Session').upsert(old, session, 3600)
      await inUnit(async () => {
        await adapterOf('Session').destroy(old)
        await adapterOf('Session').upsert(young, session, 3600)
      })
      await adapterOf('Session').upsert(old, session, 3600)
      expect(await adapterOf('Session').find(old)).to.include({ uid })
      const { db, codec } = running().parts
      const shorten = `UPDATE oidc_record SET expires_at = expires_at - interval '31 seconds'
        WHERE model = 'Session' AND id_hash = $1`
      await query(db, shorten, [codec.idHash(old)])
      expect(await adapterOf('Session').find(old)).to.equal(undefined)
      expect(await adapterOf('Session').find(young)).to.include({ uid })
      expect(await adapterOf('Session').findByUid(uid)).to.include({ uid })
      await query(db, shorten.replace('31', '3600'), [codec.idHash(young)])
      expect(await adapterOf('Session').findByUid(uid)).to.equal(undefined)
    })

    it('writes nothing more of a session that was logged out meanwhile', async () => {
      const [id, next, uid] = [randomToken(), randomToken(), randomToken()]
      const session = { ...payloadOf('Session'), uid }
      for (const write of [
        () => adapterOf('Session').upsert(id, { ...session, acr: 'later' }, 3600),
        async () => {
          await adapterOf('Session').destroy(id)
          await adapterOf('Session').upsert(next, session, 3600)
        },
      ]) {
        await adapterOf('Session').upsert(id, session, 3600)
        await inUnit(async () => {
          expect(await adapterOf('Session').find(id)).to.include({ uid })
          await query(running().parts.db, `DELETE FROM oidc_record WHERE model = 'Session'`)
          await write()
        })
        expect(await adapterOf('Session').find(id)).to.equal(undefined)
        expect(await adapterOf('Session').findByUid(uid)).to.equal(undefined)
      }
    })

    it('ends every row of a session that is not written again', async () => {
      const [old, young, uid] = [randomToken(), randomToken(), randomToken()]
      const session = { ...payloadOf('Session'), uid }
      await adapterOf('Session').upsert(old, session, 3600)
      await adapterOf('Session').upsert(young, session, 3600)
      await adapterOf('Session').destroy(young)
      expect(await adapterOf('Session').find(old)).to.equal(undefined)
      expect(await adapterOf('Session').findByUid(uid)).to.equal(undefined)
    })

    it('removes ten thousand tokens of a grant in a moment', async () => {
      const { db, codec } = running().parts
      const grantId = randomToken()
      for (const model of ['AccessToken', 'RefreshToken']) {
        await query(
          db,
          `INSERT INTO oidc_record (model, id_hash, grant_hash, payload)
           SELECT $1, decode(md5($2 || n::text), 'hex'), $3, '{}' FROM generate_series(1, 5000) AS n`,
          [model, grantId, codec.idHash(grantId)],
        )
      }
      const startedAt = performance.now()
      await adapterOf('AccessToken').revokeByGrantId(grantId)
      expect(performance.now() - startedAt).to.be.below(3_000)
      const left = await query(db, 'SELECT 1 FROM oidc_record WHERE grant_hash = $1', [
        codec.idHash(grantId),
      ])
      expect(left).to.deep.equal([])
    })

    it('removes everything of a grant in one statement, whatever the engine asks for', async () => {
      const grantId = randomToken()
      const ids: [ModelName, string][] = (
        ['AuthorizationCode', 'AccessToken', 'RefreshToken', 'DeviceCode'] as const
      ).map((model) => [model, randomToken()])
      await adapterOf('Grant').upsert(grantId, payloadOf('Grant'), 60)
      for (const [model, id] of ids) {
        await adapterOf(model).upsert(id, { ...payloadOf(model), grantId }, 60)
      }
      const { texts } = await statementsOf(() =>
        Promise.all(ids.map(([model]) => adapterOf(model).revokeByGrantId(grantId))),
      )
      expect(texts).to.have.length(1)
      const left = await query(
        running().parts.db,
        `SELECT model FROM oidc_record WHERE grant_hash = $1`,
        [running().parts.codec.idHash(grantId)],
      )
      expect(left).to.deep.equal([])
    })
  })
}

/** As the engine writes it, and with members that only a later version of it may know. */
function payloadOf(model: ModelName): AdapterPayload {
  const now = Math.floor(Date.now() / 1000)
  return {
    iat: now,
    exp: now + 60,
    kind: model,
    accountId: newId(),
    clientId: 'a client',
    nonce: randomToken(),
    uid: randomToken(),
    member_of_tomorrow: { list: [1, 'two', null, { three: true }], text: 'ß\u2028"\\' },
  } as AdapterPayload
}
