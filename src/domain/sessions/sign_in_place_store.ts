import { type Db, query } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
import type { Point } from '../../platform/places/place.ts'

/**
 * From which networks an account was signed in to, or tried, and where they are. It is kept no longer
 * than an unusual sign-in is told by it, and names no address: networks are keyed hashes.
 */
export type SignInPlace = {
  networkHash: Buffer
  country: string | undefined
  point: Point | undefined
}

export type SeenPlace = Omit<SignInPlace, 'networkHash'> & {
  /** In hex. */
  network: string
  /** When a sign-in from there was completed last. */
  signedInAt: Date | undefined
  triedAt: Date
}

/** Nobody moves between more networks than this while they are remembered; the newest are read. */
const READ_MAX = 200

/** For a larger statement: `places`, a JSON array of what `seenPlaces` reads, of the account `a`. */
export function placesJson(nowParameter: string): string {
  return `coalesce((
    SELECT json_agg(json_build_object(
             'network', encode(p.network_hash, 'hex'), 'country', p.country,
             'latitude', p.latitude, 'longitude', p.longitude, 'radius_km', p.radius_km,
             'signed_in_at', extract(epoch FROM p.signed_in_at),
             'tried_at', extract(epoch FROM p.tried_at)))
      FROM (SELECT network_hash, country, latitude, longitude, radius_km, signed_in_at, tried_at
              FROM sign_in_place
             WHERE account_id = a.id AND expires_at > ${nowParameter}
             ORDER BY tried_at DESC LIMIT ${READ_MAX}) p), '[]') AS places`
}

export type PlaceJson = {
  network: string
  country: string | null
  latitude: number | null
  longitude: number | null
  radius_km: number | null
  signed_in_at: number | null
  tried_at: number
}

export function seenPlaces(rows: readonly PlaceJson[]): SeenPlace[] {
  return rows.map((row) => ({
    network: row.network,
    country: row.country ?? undefined,
    point:
      row.latitude === null || row.longitude === null
        ? undefined
        : { latitude: row.latitude, longitude: row.longitude, radiusKm: row.radius_km ?? 0 },
    signedInAt: row.signed_in_at === null ? undefined : new Date(row.signed_in_at * 1000),
    triedAt: new Date(row.tried_at * 1000),
  }))
}

/**
 * Part of the statement that completes a sign-in: notes where it came from. `done` names the account,
 * and the six parameters from `first` are those of `signedInParameters`.
 */
export function signedInCte(first: number, now: string): string {
  const at = (index: number) => `$${first + index}`
  return `placed AS (
    INSERT INTO sign_in_place (account_id, network_hash, country, latitude, longitude, radius_km,
                               signed_in_at, tried_at, expires_at)
    SELECT done.account_id, ${at(0)}, ${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, ${now}, ${now}, ${at(5)}
      FROM done
    ON CONFLICT (account_id, network_hash) DO UPDATE
       SET country = excluded.country, latitude = excluded.latitude,
           longitude = excluded.longitude, radius_km = excluded.radius_km,
           signed_in_at = excluded.signed_in_at, tried_at = excluded.tried_at,
           expires_at = excluded.expires_at
  )`
}

export function signedInParameters({
  place: { networkHash, country, point },
  expiresAt,
}: {
  place: SignInPlace
  expiresAt: Date
}) {
  const { latitude, longitude, radiusKm } = point ?? {}
  return [
    networkHash,
    country ?? null,
    latitude ?? null,
    longitude ?? null,
    radiusKm === undefined ? null : Math.round(radiusKm),
    expiresAt,
  ]
}

/** Notes a try that was refused. Of nobody's account it is the same work for nothing. */
export async function noteRefusedTry(
  db: Db,
  input: { accountId: string; networkHash: Buffer; now: Date; expiresAt: Date },
): Promise<void> {
  await query(
    db,
    `INSERT INTO sign_in_place AS p (account_id, network_hash, tried_at, expires_at)
     SELECT a.id, $2, $3, $4 FROM account a WHERE a.id = $1
     ON CONFLICT (account_id, network_hash) DO UPDATE
        SET tried_at = excluded.tried_at, expires_at = greatest(p.expires_at, excluded.expires_at)`,
    [input.accountId, input.networkHash, input.now, input.expiresAt],
  )
}

/** Where sign-ins were completed, the newest first: for whoever takes their data along. */
export async function listSignInPlaces(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<{ country: string | undefined; signedInAt: Date; expiresAt: Date }[]> {
  const rows = await query<{ country: string | null; signed_in_at: Date; expires_at: Date }>(
    db,
    `SELECT country, signed_in_at, expires_at FROM sign_in_place
      WHERE account_id = $1 AND expires_at > $2 AND signed_in_at IS NOT NULL
      ORDER BY signed_in_at DESC`,
    [accountId, now],
  )
  return rows.map((row) => ({
    country: row.country ?? undefined,
    signedInAt: row.signed_in_at,
    expiresAt: row.expires_at,
  }))
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredSignInPlaces(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'sign_in_place' }, { until: now, limit })
}
