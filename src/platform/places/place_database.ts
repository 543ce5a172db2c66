import { isIP } from 'node:net'
import type { CityResponse, Reader } from 'mmdb-lib'
import { DomainError } from '../../core/errors.ts'
import { type FileLog, openRenewedFile } from '../files/renewed_file.ts'
import type { Place, Point } from './place.ts'

export type Places = {
  /** Undefined for what the file does not know; private addresses are in no such file. */
  locate(ip: string | undefined): Place | undefined
}

/** Without a file. */
export const NO_PLACES: Places = { locate: () => undefined }

/**
 * A file in MaxMind DB format (https://maxmind.github.io/MaxMind-DB/) that tells where addresses are:
 * of countries or cities, MaxMind's or DB-IP's. It is kept in memory as it is on disk.
 */
export type PlaceDatabase = Places & {
  /** Looks whether the file was replaced; a timer does so by itself. */
  look(): Promise<void>
  close(): void
}

/** @throws DomainError `invalid_input` where the file is not there, broken, or about something else */
export async function openPlaceDatabase(
  file: string,
  { log }: { log: FileLog },
): Promise<PlaceDatabase> {
  const { Reader: MmdbReader } = await import('mmdb-lib')
  const make = (content: Buffer) => checked(new MmdbReader<CityResponse>(content), content)
  const opened = await openRenewedFile(file, make, { log, name: 'the file of places' }).catch(
    (error: unknown) => {
      throw new DomainError('invalid_input', `The file of places ${file} cannot be used.`, {
        hint: 'AUTHCORE_GEO_DATABASE names a file in MaxMind DB format, of countries or cities.',
        debug: error instanceof Error ? error.message : String(error),
        cause: error,
      })
    },
  )
  return {
    locate(ip) {
      if (ip === undefined || isIP(ip) === 0) return undefined
      return placeOf(found(opened.current(), ip))
    },
    look: opened.look,
    close: opened.close,
  }
}

/** The library reads a file only as far as it is asked: a half one would be found out by people. */
function checked(reader: Reader<CityResponse>, content: Buffer): Reader<CityResponse> {
  const { databaseType, searchTreeSize, ipVersion } = reader.metadata
  if (!/city|country|location/i.test(String(databaseType))) {
    throw new Error(`it is a database of the type ${databaseType}, not of countries or cities`)
  }
  if (searchTreeSize >= content.length) throw new Error('it ends before its search tree does')
  reader.get(ipVersion === 6 ? '2001:4860:4860::8888' : '8.8.8.8')
  return reader
}

/** A record that cannot be read is one that is not there. */
function found(reader: Reader<CityResponse>, ip: string): CityResponse | null {
  try {
    return reader.get(ip)
  } catch {
    return null
  }
}

function placeOf(record: CityResponse | null): Place | undefined {
  if (!record) return undefined
  const country = record.country?.iso_code
  const names = record.city?.names
  if (!country && !names) return undefined
  return {
    country: typeof country === 'string' && /^[A-Z]{2}$/.test(country) ? country : undefined,
    cityNames: textsOf(names),
    point: pointOf(record.location),
  }
}

/** Those that are texts, and short enough for a page. */
function textsOf(names: unknown): Record<string, string> {
  const pairs = Object.entries((names ?? {}) as Record<string, unknown>)
  return Object.fromEntries(
    pairs.filter(
      (pair): pair is [string, string] =>
        typeof pair[1] === 'string' && pair[1] !== '' && pair[1].length <= 80,
    ),
  )
}

/** DB-IP names no radius; a city with what is around it. */
const RADIUS_KM = 50

function pointOf(location: CityResponse['location']): Point | undefined {
  const { latitude, longitude, accuracy_radius: radius } = location ?? {}
  if (!Number.isFinite(latitude) || !Number.isFinite(longitude)) return undefined
  return {
    latitude: toATenth(latitude!),
    longitude: toATenth(longitude!),
    radiusKm: Number.isFinite(radius) && radius! > 0 ? radius! : RADIUS_KM,
  }
}

function toATenth(degrees: number): number {
  return Math.round(degrees * 10) / 10
}
