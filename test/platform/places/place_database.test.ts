import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { countryName, placeWords } from '../../../src/platform/places/place.ts'
import {
  openPlaceDatabase,
  type PlaceDatabase,
} from '../../../src/platform/places/place_database.ts'
import { cityRecord, makeMmdb } from '../../support/mmdb.ts'

const LYON = cityRecord({
  country: 'FR',
  city: { en: 'Lyon', ja: 'リヨン' },
  at: [45.7485, 4.8467],
  radiusKm: 20,
})

describe('the file of places', () => {
  let dir: string
  let file: string
  let opened: PlaceDatabase | undefined
  const errors: unknown[][] = []
  const log = { info() {}, error: (...said: unknown[]) => void errors.push(said) }
  const open = async (networks: Record<string, unknown>, options = {}) => {
    writeFileSync(file, makeMmdb(networks, options))
    opened = await openPlaceDatabase(file, { log: log as never })
    return opened
  }
  const replace = (content: Buffer | string) => {
    writeFileSync(`${file}.new`, content)
    renameSync(`${file}.new`, file)
  }

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'authcore-places-'))
    file = path.join(dir, 'places.mmdb')
    errors.length = 0
  })
  afterEach(() => {
    opened?.close()
    opened = undefined
    rmSync(dir, { recursive: true })
  })

  it('tells city and country of IPv4 and IPv6 addresses, to a tenth of a degree', async () => {
    const places = await open({ '81.2.69.0/24': LYON, '2a02:8400::/32': LYON })
    for (const ip of ['81.2.69.142', '2a02:8400::1']) {
      expect(places.locate(ip), ip).to.deep.equal({
        country: 'FR',
        cityNames: { en: 'Lyon', ja: 'リヨン' },
        point: { latitude: 45.7, longitude: 4.8, radiusKm: 20 },
      })
    }
  })

  it('knows nothing of private addresses, others, and what is none', async () => {
    const places = await open({ '81.2.69.0/24': LYON })
    for (const ip of ['10.0.0.1', '127.0.0.1', '::1', 'fd00::1', '81.2.70.1', 'nonsense', '']) {
      expect(places.locate(ip), ip).to.equal(undefined)
    }
    expect(places.locate(undefined)).to.equal(undefined)
  })

  it('reads files of countries, which have no city and no point, and those of DB-IP', async () => {
    const record = cityRecord({ country: 'CA' })
    const places = await open({ '81.2.69.0/24': record }, { type: 'DBIP-Country-Lite' })
    expect(places.locate('81.2.69.1')).to.deep.equal({
      country: 'CA',
      cityNames: {},
      point: undefined,
    })
    opened?.close()
    const without = cityRecord({ country: 'CA', city: { en: 'Montréal' }, at: [45.5, -73.6] })
    const cities = await open({ '81.2.69.0/24': without }, { type: 'DBIP-City-Lite' })
    expect(cities.locate('81.2.69.1')?.point).to.deep.equal({
      latitude: 45.5,
      longitude: -73.6,
      radiusKm: 50,
    })
  })

  it('is refused when it is missing, broken, cut off, or about something else', async () => {
    const whole = makeMmdb({ '81.2.69.0/24': LYON })
    for (const [what, content] of [
      ['missing', undefined],
      ['empty', Buffer.alloc(0)],
      ['broken', Buffer.from('not a database at all')],
      ['cut off', whole.subarray(0, whole.length - 80)],
      ['the wrong kind', makeMmdb({ '81.2.69.0/24': LYON }, { type: 'GeoLite2-ASN' })],
    ] as const) {
      if (content === undefined) rmSync(file, { force: true })
      else writeFileSync(file, content)
      const error = await rejection(openPlaceDatabase(file, { log: log as never }))
      expect(error, what).to.have.property('code', 'invalid_input')
      expect(String(error), what).to.include(file)
    }
  })

  it('is read again when it was replaced, and a broken replacement changes nothing', async () => {
    const places = await open({ '81.2.69.0/24': LYON })
    replace('broken')
    await places.look()
    expect(places.locate('81.2.69.1')?.country).to.equal('FR')
    expect(errors).to.have.length(1)
    await places.look()
    expect(errors, 'told once').to.have.length(1)
    replace(makeMmdb({ '81.2.69.0/24': cityRecord({ country: 'DE' }) }))
    await places.look()
    expect(places.locate('81.2.69.1')?.country).to.equal('DE')
    rmSync(file)
    await places.look()
    expect(places.locate('81.2.69.1')?.country, 'gone').to.equal('DE')
    expect(errors).to.have.length(2)
  })
})

async function rejection(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('the words for a place', () => {
  const lyon = { country: 'FR', cityNames: { en: 'Lyon', ja: 'リヨン' }, point: undefined }

  it('are in the language of their reader, as far as there are any', () => {
    expect(placeWords(lyon, 'en')).to.equal('Lyon, France')
    expect(placeWords(lyon, 'de')).to.equal('Lyon, Frankreich')
    expect(placeWords(lyon, 'ja')).to.equal('リヨン、フランス')
    expect(placeWords(lyon, 'ar')).to.equal('Lyon، فرنسا')
  })

  it('are the country alone, or nothing', () => {
    expect(placeWords({ ...lyon, cityNames: {} }, 'es')).to.equal('Francia')
    expect(placeWords(undefined, 'en')).to.equal(undefined)
    expect(placeWords({ country: undefined, cityNames: {}, point: undefined }, 'en')).to.equal(
      undefined,
    )
    expect(countryName('ZZ', 'en')).to.be.a('string')
  })
})
