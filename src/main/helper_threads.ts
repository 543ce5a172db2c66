import { readdir, readFile } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'
import path from 'node:path'

/** Where Linux lists the threads of a process, each with its name. */
const THREADS = '/proc/self/task'
const V8_HELPER = /^V8Worker/
/**
 * Of `nice`: each is given a tenth of what the thread that answers is. With 15 it would be a thirtieth,
 * and where hashes keep the core busy the collector would come so late that a process grows.
 */
const NICE = 10

/**
 * V8 marks garbage and compiles in four threads of its own. Where they have to share a core with the
 * one that answers, which is what a busy machine comes to, each is given as much of it as that one,
 * and for a tenth of a second with every large collection requests wait. From here on they take what
 * nobody else needs; a core that is free is theirs as before. Only Linux tells which threads they
 * are; anywhere else, and where it is not allowed, everything stays as it is.
 */
export async function letHelpersYield(): Promise<void> {
  try {
    for (const thread of await readdir(THREADS)) {
      const name = await readFile(path.join(THREADS, thread, 'comm'), 'utf8')
      const id = Number(thread)
      if (V8_HELPER.test(name) && getPriority(id) < NICE) setPriority(id, NICE)
    }
  } catch {
    // Not on this system.
  }
}
