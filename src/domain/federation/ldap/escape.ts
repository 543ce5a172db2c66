/**
 * A name that somebody typed becomes part of a filter or of a DN here and nowhere else. After this no
 * character of it has a meaning in either.
 */

/** RFC 4515 §3. Letters outside of ASCII stand for themselves. */
export function escapeFilterValue(value: string): string {
  return value.replace(/[\\*()\0]/g, (char) => `\\${hex(char)}`)
}

/** RFC 4514 §2.4. Every special character as a pair of hexadecimal digits, wherever it stands. */
export function escapeDnValue(value: string): string {
  return value
    .replace(/["+,;<>=\\\0]/g, (char) => `\\${hex(char)}`)
    .replace(/^[ #]| $/g, (char) => `\\${hex(char)}`)
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).padStart(2, '0')
}

/** Puts `values` in the places of a template: `{login}`, `{dn}`. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place)
}
