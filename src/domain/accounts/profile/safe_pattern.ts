/**
 * Patterns that cannot take long. Expressions that backtrack do so because they may divide a text in
 * many ways; here that number is counted beforehand, and what exceeds it is refused. What makes it hard
 * to count is no part of the language: groups, alternatives, references and looking around.
 */

const PATTERN_MAX = 200
/** How many divisions of one text may have to be tried. */
const WAYS_MAX = 100_000

const ATOM = String.raw`\[\^?(?:\\[dwsDWS\\\]\[^.\/-]|\\p\{[A-Za-z_=]{1,40}\}|[^\\\[\]])+\]|\\[dwsDWS.\\\/\-+*?()\[\]{}|^$]|\\p\{[A-Za-z_=]{1,40}\}|[^\\\[\](){}|*+?^$]`
const QUANTIFIER = String.raw`[*+?]|\{\d{1,4}(?:,\d{0,4})?\}`
const PART = new RegExp(`(?:${ATOM})(${QUANTIFIER})?`, 'gyu')

/**
 * Why the pattern is not taken, or undefined. It has to be anchored at both ends.
 *
 * @param maxLength of the texts it is matched against, in characters
 */
export function patternFault(pattern: string, maxLength: number): string | undefined {
  if (pattern.length > PATTERN_MAX) return `is longer than ${PATTERN_MAX} characters`
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) return 'must begin with ^ and end with $'
  const ways = waysOf(pattern.slice(1, -1), maxLength)
  if (ways === undefined) {
    return 'may only be characters, classes and their repetition: no groups, alternatives or look-around'
  }
  if (ways > WAYS_MAX) return 'repeats too much: bound its repetitions, or lower maxLength'
  return isExpression(pattern) ? undefined : 'is no regular expression'
}

/** Undefined where something stands there that is no part of the language. */
function waysOf(body: string, maxLength: number): number | undefined {
  let ways = 1
  let end = 0
  for (const match of body.matchAll(PART)) {
    if (match.index !== end) return undefined
    end = match.index + match[0].length
    ways *= spanOf(match[1], maxLength)
  }
  return end === body.length ? ways : undefined
}

/** How many lengths this part may have. */
function spanOf(quantifier: string | undefined, maxLength: number): number {
  if (quantifier === undefined) return 1
  if (quantifier === '?') return 2
  const [, least = '0', comma, most] = /^\{(\d+)(,)?(\d*)\}$/.exec(quantifier) ?? ['', '0', ',', '']
  if (comma === undefined) return 1
  return (most ? Math.min(Number(most), maxLength) : maxLength) - Number(least) + 1
}

function isExpression(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') !== null
  } catch {
    return false
  }
}
