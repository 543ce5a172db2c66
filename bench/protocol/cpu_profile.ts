import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** Reads what `node --cpu-prof` leaves behind: where the main thread spent its time. */

type CallFrame = { functionName: string; url: string; lineNumber: number }
type Profile = {
  nodes: { id: number; callFrame: CallFrame }[]
  samples: number[]
  /** Microseconds between samples. */
  timeDeltas: number[]
}

/** Shares of the busy time, of 1, largest first. */
export type Shares = { place: string; share: number }[]

/**
 * @param lastMs how much of the end to look at: before that it starts and is warmed up
 * @param restMs how much of the very end to leave out: there it stops
 */
export async function selfTimeByPlace(
  folder: string,
  { lastMs, restMs }: { lastMs: number; restMs: number },
): Promise<Shares> {
  const { nodes, samples, timeDeltas } = await largestProfile(folder)
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const totalMs = timeDeltas.reduce((sum, delta) => sum + delta, 0) / 1000
  const spent = new Map<string, number>()
  let atMs = 0
  for (const [index, id] of samples.entries()) {
    const deltaMs = timeDeltas[index]! / 1000
    atMs += deltaMs
    const leftMs = totalMs - atMs
    const place = places.get(id)!
    if (leftMs > lastMs || leftMs < restMs || place === '(idle)') continue
    spent.set(place, (spent.get(place) ?? 0) + deltaMs)
  }
  const busyMs = [...spent.values()].reduce((sum, ms) => sum + ms, 0)
  return [...spent]
    .map(([place, ms]) => ({ place, share: ms / busyMs }))
    .sort((a, b) => b.share - a.share)
}

/** A process leaves one for each of its threads and itself; the one with the most in it is meant. */
async function largestProfile(folder: string): Promise<Profile> {
  const files = await readdir(folder)
  const profiles = await Promise.all(
    files.map(
      async (file) => JSON.parse(await readFile(path.join(folder, file), 'utf8')) as Profile,
    ),
  )
  const [largest] = profiles.sort((a, b) => b.nodes.length - a.nodes.length)
  if (!largest) throw new Error('the server left no profile')
  return largest
}

/** A package, a part of Node, a folder of ours, or what V8 calls itself. */
function placeOf({ url, functionName }: CallFrame): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (inPackage) return inPackage
  const ours = /\/(src\/[^/]+\/[^/]+)/.exec(url)?.[1]
  if (ours) return ours
  const node = /^node:(?:internal\/)?([^/]+)/.exec(url)?.[1]
  if (node) return `node:${node.replace(/^_(http).*/, '$1')}`
  return /write|shutdown/i.test(functionName) ? '(writing to sockets and files)' : functionName
}
