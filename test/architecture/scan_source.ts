/**
 * Reads the imports of a source file without a parser: TypeScript 7 offers none to JavaScript, and
 * our formatter leaves few ways to write an import.
 */

export type Import = { specifier: string; typeOnly: boolean }

const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/.source
const TEMPLATE = /`(?:\\.|[^`\\])*`/.source
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/.source
const REGEXP = /(?<=[=(,:;!&|?[{}\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/
  .source
const LEXEMES = new RegExp([STRING, TEMPLATE, COMMENT, REGEXP].join('|'), 'g')

/** The code without comments, and without the contents of the quoted things that `blank` names. */
function strip(source: string, blank: RegExp): string {
  return source.replace(LEXEMES, (found) => {
    if (/^\/[/*]/.test(found)) return ' '
    return blank.test(found) ? `${found[0]}${found[0]}` : found
  })
}

const STATEMENT = /^\s*(?:import|export)\b\s*(type\b)?([^'"`;()]*?)\bfrom\s*['"]([^'"]+)['"]/gm
const BARE = /^\s*import\s*['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g

export function importsOf(source: string): Import[] {
  const code = strip(source, /^[`/]/)
  const found: Import[] = []
  for (const [, type, names = '', specifier = ''] of code.matchAll(STATEMENT)) {
    found.push({ specifier, typeOnly: type !== undefined || namesTypesOnly(names) })
  }
  for (const [, specifier = ''] of code.matchAll(BARE)) found.push({ specifier, typeOnly: false })
  for (const [, specifier = ''] of code.matchAll(DYNAMIC)) {
    found.push({ specifier, typeOnly: false })
  }
  return found
}

/** `{ type A, type B }`. */
function namesTypesOnly(clause: string): boolean {
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1]?.split(',') ?? []
  const written = names.map((name) => name.trim()).filter(Boolean)
  return written.length > 0 && written.every((name) => name.startsWith('type '))
}

export function readsEnvironment(source: string): boolean {
  const code = strip(source, /^\//)
  return /\bprocess\s*\??\.\s*env\b|\bprocess\[['"]env|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(
    code,
  )
}

export function exportsDefault(source: string): boolean {
  return /^\s*export\s+(default\b|\{[^}]*\bas\s+default\b)/m.test(strip(source, /^['"`/]/))
}
