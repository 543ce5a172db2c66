const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** The letter that stands for a name where there is no picture: the first letter, digit or emoji. */
export function initialOf(name: string): string {
  // Far enough in for any honest name; a megabyte of spaces costs nothing.
  for (const { segment } of GRAPHEMES.segment(name.slice(0, 64))) {
    if (/^[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(segment)) return segment.toUpperCase()
  }
  return '•'
}
