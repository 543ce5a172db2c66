import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** What a test file needs is read from what it imports, so that no list has to be kept by hand. */

const IMPORT = /\bfrom '(\.[^']+\.ts)'|\bimport\(?\s*'(\.[^']+\.ts)'/g
const seen = new Map<string, string[]>()

/** The modules of test/support that this file reaches through imports under test/, by name. */
export function supportNeededBy(file: string): Set<string> {
  const reached = new Set<string>()
  const visit = (module: string) => {
    if (reached.has(module)) return
    reached.add(module)
    importsOf(module).forEach(visit)
  }
  visit(path.resolve(file))
  const support = path.resolve('test/support')
  return new Set(
    [...reached].filter((f) => path.dirname(f) === support).map((f) => path.basename(f, '.ts')),
  )
}

function importsOf(file: string): string[] {
  const known = seen.get(file)
  if (known) return known
  // A missing file is for the test process to complain about.
  const source = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const imports = [...source.matchAll(IMPORT)]
    .map(([, from, dynamic]) => path.resolve(path.dirname(file), from ?? dynamic ?? ''))
    .filter((target) => target.startsWith(`${path.resolve('test')}${path.sep}`))
  seen.set(file, imports)
  return imports
}
