import { createRequire } from 'node:module'

/** A QR code as one SVG path, so that a page can draw it under a policy that allows no inline style. */
export type QrCode = {
  /** Modules along one side, the quiet zone included: the view box is this wide and high. */
  size: number
  /** The `d` of a path; dark modules are its inside. */
  path: string
}

/** ISO/IEC 18004 wants a quiet zone of four modules. */
const QUIET_ZONE = 4

export function qrCodeOf(text: string): QrCode {
  // Loaded where the first code is drawn.
  const { encode } = createRequire(import.meta.url)('uqr') as typeof import('uqr')
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_ZONE })
  const runs = data.flatMap((row, y) =>
    runsOf(row).map(([x, width]) => `M${x} ${y}h${width}v1h-${width}z`),
  )
  return { size, path: runs.join('') }
}

/** Where dark modules begin in a row, and how many follow one another. */
function runsOf(row: readonly boolean[]): [number, number][] {
  const runs: [number, number][] = []
  row.forEach((dark, x) => {
    const last = runs.at(-1)
    if (!dark) return
    if (last && last[0] + last[1] === x) last[1] += 1
    else runs.push([x, 1])
  })
  return runs
}
