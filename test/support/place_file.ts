import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { cityRecord, makeMmdb } from './mmdb.ts'

export const FRANCE = '81.2.69.142'
export const JAPAN = '89.160.20.112'

/** A file of places in which there are Lyon and Tokyo. */
export function placeFile(): { path: string; remove(): void } {
  const dir = mkdtempSync(path.join(tmpdir(), 'authcore-places-'))
  const file = path.join(dir, 'places.mmdb')
  const networks = {
    '81.2.69.0/24': cityRecord({ country: 'FR', city: { en: 'Lyon' }, at: [45.75, 4.85] }),
    '89.160.20.0/24': cityRecord({ country: 'JP', city: { en: 'Tokyo' }, at: [35.68, 139.69] }),
  }
  writeFileSync(file, makeMmdb(networks))
  return { path: file, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
