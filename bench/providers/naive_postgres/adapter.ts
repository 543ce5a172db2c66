import type { Adapter, AdapterPayload } from 'oidc-provider'
import pg from 'pg'

/**
 * The adapter that one writes first: one table, a JSON document for each thing, a statement for each
 * call, and no condition in any of them, so that of two who redeem one code at once both may succeed.
 */

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })

export async function createTable(): Promise<void> {
  await pool.query(`
    CREATE TABLE engine_object (
      model text NOT NULL,
      id text NOT NULL,
      payload jsonb NOT NULL,
      grant_id text,
      uid text,
      user_code text,
      expires_at timestamptz,
      PRIMARY KEY (model, id)
    );
    CREATE INDEX ON engine_object (grant_id);
    CREATE INDEX ON engine_object (uid);
    CREATE INDEX ON engine_object (user_code);
  `)
}

export class PostgresAdapter implements Adapter {
  readonly #model: string

  constructor(model: string) {
    this.#model = model
  }

  async upsert(id: string, payload: AdapterPayload, expiresInS?: number): Promise<void> {
    const { grantId, uid, userCode } = payload
    await pool.query(
      `INSERT INTO engine_object (model, id, payload, grant_id, uid, user_code, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
       ON CONFLICT (model, id) DO UPDATE SET
         payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid,
         user_code = excluded.user_code, expires_at = excluded.expires_at`,
      [this.#model, id, payload, grantId, uid, userCode, expiresInS],
    )
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return await this.#findBy('id', id)
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return await this.#findBy('uid', uid)
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return await this.#findBy('user_code', userCode)
  }

  async consume(id: string): Promise<void> {
    await pool.query(
      `UPDATE engine_object
       SET payload = jsonb_set(payload, '{consumed}', to_jsonb(extract(epoch FROM now())::bigint))
       WHERE model = $1 AND id = $2`,
      [this.#model, id],
    )
  }

  async destroy(id: string): Promise<void> {
    await pool.query('DELETE FROM engine_object WHERE model = $1 AND id = $2', [this.#model, id])
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await pool.query('DELETE FROM engine_object WHERE grant_id = $1', [grantId])
  }

  async #findBy(column: 'id' | 'uid' | 'user_code', value: string) {
    const { rows } = await pool.query<{ payload: AdapterPayload }>(
      `SELECT payload FROM engine_object
       WHERE model = $1 AND ${column} = $2 AND (expires_at IS NULL OR expires_at > now())`,
      [this.#model, value],
    )
    return rows[0]?.payload
  }
}
