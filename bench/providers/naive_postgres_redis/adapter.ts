import { Redis } from 'ioredis'
import type { Adapter, AdapterPayload } from 'oidc-provider'

/** The adapter that one writes first for Redis: a JSON document under a key, and keys that name it. */

const redis = new Redis(process.env['REDIS_URL']!)

export class RedisAdapter implements Adapter {
  readonly #model: string

  constructor(model: string) {
    this.#model = model
  }

  async upsert(id: string, payload: AdapterPayload, expiresInS: number): Promise<void> {
    const key = this.#key(id)
    const { grantId, uid, userCode } = payload
    const all = redis.multi().set(key, JSON.stringify(payload), 'EX', expiresInS)
    if (uid) all.set(this.#key(`uid:${uid}`), id, 'EX', expiresInS)
    if (userCode) all.set(this.#key(`user_code:${userCode}`), id, 'EX', expiresInS)
    if (grantId) all.sadd(ofGrant(grantId), key).expire(ofGrant(grantId), expiresInS)
    await all.exec()
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const text = await redis.get(this.#key(id))
    return text === null ? undefined : (JSON.parse(text) as AdapterPayload)
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return await this.#findBy(`uid:${uid}`)
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return await this.#findBy(`user_code:${userCode}`)
  }

  async consume(id: string): Promise<void> {
    const payload = await this.find(id)
    const consumed = Math.floor(Date.now() / 1000)
    await redis.set(this.#key(id), JSON.stringify({ ...payload, consumed }), 'KEEPTTL')
  }

  async destroy(id: string): Promise<void> {
    await redis.del(this.#key(id))
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    const keys = await redis.smembers(ofGrant(grantId))
    await redis.del(ofGrant(grantId), ...keys)
  }

  async #findBy(name: string): Promise<AdapterPayload | undefined> {
    const id = await redis.get(this.#key(name))
    return id === null ? undefined : await this.find(id)
  }

  #key(name: string): string {
    return `${this.#model}:${name}`
  }
}

const ofGrant = (grantId: string) => `grant:${grantId}`
