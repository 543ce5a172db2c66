import type { Suite } from './suite_api.ts'

/** Takes the picture of a page as a browser shows it, in PNG. */
export type Camera = { photograph(url: string): Promise<Buffer>; close(): Promise<void> }

/**
 * Helps a module that waits for what no script of its did: goes to the addresses it wants to have
 * visited, and hands in their pictures for the placeholders that are still empty. Without a camera it
 * is left to wait.
 */
export async function assist(suite: Suite, id: string, camera: Camera | undefined): Promise<void> {
  if (!camera) return
  const urls = await suite.waitingUrls(id)
  if (urls.length === 0) return
  const placeholders = (await suite.log(id)).flatMap(({ upload }) => upload ?? [])
  for (const [index, url] of urls.entries()) {
    const picture = await camera.photograph(url)
    await suite.visited(id, url)
    const placeholder = placeholders[index]
    if (placeholder !== undefined) await suite.uploadImage(id, placeholder, picture)
  }
}
