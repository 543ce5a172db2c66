import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { type Brand, brandStylesheet } from './brand_stylesheet.ts'

/**
 * The few files a page loads, read once at start: everything in `views/assets` and the brand's style
 * sheet, which is written here rather than read. Whoever serves them looks a name up in this map and
 * touches no path. A version is in every address, so a file may be cached for ever.
 */
export type Asset = {
  readonly body: Buffer
  readonly contentType: string
  /** Changes with the content: `?v=…` in the address, and fit for a strong ETag. */
  readonly version: string
}

export type Assets = ReadonlyMap<string, Asset>

const CONTENT_TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export function loadAssets(viewsDir: string, brand: Brand): Assets {
  const dir = join(viewsDir, 'assets')
  const assets = new Map<string, Asset>()
  for (const name of readdirSync(dir)) assets.set(name, asset(name, readFileSync(join(dir, name))))
  assets.set('brand.css', asset('brand.css', Buffer.from(brandStylesheet(brand))))
  return assets
}

export function assetPath(assets: Assets, name: string): string {
  const found = assets.get(name)
  if (!found) throw new Error(`there is no asset ${name}`)
  return `/assets/${name}?v=${found.version}`
}

function asset(name: string, body: Buffer): Asset {
  const contentType = CONTENT_TYPES[extname(name)]
  if (!contentType) throw new Error(`views/assets/${name} has no known content type`)
  const version = createHash('sha256').update(body).digest('base64url').slice(0, 10)
  return { body, contentType, version }
}
