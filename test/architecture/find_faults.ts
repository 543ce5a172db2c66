import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { exportsDefault, type Import, importsOf, readsEnvironment } from './scan_source.ts'

/** Holds a source tree against the rules of the house and tells each break in one line. */

export type Rules = {
  /** Floor → the other floors it may import. */
  floors: Record<string, readonly string[]>
  /** Floor → folder → the neighbours on the same floor it may import; a floor not named is one room. */
  neighbours: Record<string, Record<string, readonly string[]>>
  /** Folders whose types alone may be imported by neighbours. */
  typesForAll: readonly string[]
  /** Packages that only some files may import. */
  packages: readonly { name: RegExp; only: RegExp }[]
  /** Floor → the only packages it may import at all. */
  packagesOf: Record<string, readonly string[]>
  /** The one file that reads the environment. */
  environment: string
}

/** Both relative to src/. */
type Edge = { from: string; to: string; typeOnly: boolean }

export function findFaults(root: string, rules: Rules): { files: number; faults: string[] } {
  const files = globSync('**/*.ts', { cwd: root }).map((file) => file.replaceAll('\\', '/'))
  const edges: Edge[] = []
  const faults = files.sort().flatMap((file) => {
    const source = readFileSync(path.join(root, file), 'utf8')
    const imports = importsOf(source)
    const inside = imports.filter(({ specifier }) => specifier.startsWith('.'))
    const here = inside.map((found) => edge(file, found))
    edges.push(...here)
    return [
      ...placeFaults(file, rules),
      ...habitFaults(file, source, rules),
      ...here.flatMap((one) => edgeFaults(one, files, rules)),
      ...imports
        .filter(({ specifier }) => !specifier.startsWith('.'))
        .flatMap(({ specifier }) => packageFaults(file, specifier, rules)),
    ]
  })
  return { files: files.length, faults: [...faults, ...cycleFaults(edges)] }
}

function edge(from: string, { specifier, typeOnly }: Import): Edge {
  return { from, to: path.posix.join(path.posix.dirname(from), specifier), typeOnly }
}

const floorOf = (file: string) => file.split('/')[0] ?? ''
/** The folder on its floor, or nothing for a file that lies on the floor itself. */
const roomOf = (file: string) => file.split('/').slice(1, -1)[0] ?? ''

function placeFaults(file: string, { floors }: Rules): string[] {
  return floors[floorOf(file)] ? [] : [`${file}: lies on no floor`]
}

function habitFaults(file: string, source: string, { environment }: Rules): string[] {
  const faults: string[] = []
  // A declaration file repeats what a foreign module does.
  if (!file.endsWith('.d.ts') && exportsDefault(source))
    faults.push(`${file}: has a default export`)
  if (file !== environment && readsEnvironment(source)) {
    faults.push(`${file}: reads process.env; only ${environment} may`)
  }
  return faults
}

function edgeFaults({ from, to, typeOnly }: Edge, files: string[], rules: Rules): string[] {
  const arrow = `${from} → ${to}`
  if (!files.includes(to)) return [`${arrow}: no such file under src/`]
  const [floor, target] = [floorOf(from), floorOf(to)]
  if (floor !== target) {
    return rules.floors[floor]?.includes(target) ? [] : [`${arrow}: ${floor} imports ${target}`]
  }
  const rooms = rules.neighbours[floor]
  const [room, neighbour] = [roomOf(from), roomOf(to)]
  if (!rooms || room === neighbour || rooms[room]?.includes(neighbour)) return []
  if (typeOnly && rules.typesForAll.includes(`${floor}/${neighbour}`)) return []
  return [`${arrow}: ${floor}/${room} imports its neighbour ${neighbour}`]
}

function packageFaults(file: string, specifier: string, rules: Rules): string[] {
  const name = /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
  const allowed = rules.packagesOf[floorOf(file)]
  const faults = rules.packages
    .filter((rule) => rule.name.test(name) && !rule.only.test(file))
    .map(() => `${file}: must not import ${name}`)
  if (allowed && !allowed.includes(name)) {
    faults.push(`${file}: ${floorOf(file)} imports ${specifier}`)
  }
  return faults
}

/**
 * Depth first; a file met again on the way down closes a cycle. One is told for each file in one.
 * Types do not count: they are erased, and between folders the list of neighbours forbids them anyway.
 */
function cycleFaults(edges: Edge[]): string[] {
  const loaded = edges.filter(({ typeOnly }) => !typeOnly)
  const next = Map.groupBy(loaded, ({ from }) => from)
  const done = new Set<string>()
  const told = new Set<string>()
  const faults: string[] = []
  const visit = (file: string, trail: string[]) => {
    const cycle = trail.includes(file) ? trail.slice(trail.indexOf(file)) : []
    if (cycle.some((member) => !told.has(member))) {
      faults.push(`cycle: ${[...cycle, file].join(' → ')}`)
      for (const member of cycle) told.add(member)
    }
    if (cycle.length > 0 || done.has(file)) return
    for (const { to } of next.get(file) ?? []) visit(to, [...trail, file])
    done.add(file)
  }
  for (const file of next.keys()) visit(file, [])
  return faults
}
