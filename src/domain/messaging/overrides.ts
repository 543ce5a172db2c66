import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, type ConfigFault } from '../../platform/config/config_error.ts'
import { LOCALES } from '../../platform/templating/i18n.ts'
import { escapeHtml } from '../../platform/templating/safe_html.ts'
import { isKind, KINDS, type KindDefinition } from './kinds.ts'

/**
 * A deployment's own words: files named `<kind>.<locale>.<part>`, the part `subject`, `txt`, `html`,
 * `sms` or `push`. All they can do is name a field as `{{name}}`; what is in it is escaped in HTML. A
 * template that cannot be used keeps the server from starting, rather than a person from their mail.
 */
export type Overrides = ReadonlyMap<string, string>

const PARTS = ['subject', 'txt', 'html', 'sms', 'push']
const FILE = /^([a-z_]+)\.([a-z]{2})\.([a-z]+)$/
const NAME = /\{\{\s*([A-Za-z]+)\s*\}\}/g
/** What every message knows, besides its fields. */
const ALWAYS = ['brand', 'host']

/** @throws ConfigError naming every file that cannot be used, and why */
export function loadOverrides(dir: string | undefined): Overrides {
  if (dir === undefined) return new Map()
  const faults: string[] = []
  const templates = new Map<string, string>()
  for (const [file, text] of filesIn(dir)) {
    const fault = faultOf(file, text)
    if (fault) faults.push(`${file} ${fault}`)
    else templates.set(file, text.trimEnd())
  }
  if (faults.length > 0) throw new ConfigError(faults.map(describe))
  return templates
}

function filesIn(dir: string): [file: string, text: string][] {
  try {
    return readdirSync(dir)
      .filter((file) => !file.startsWith('.'))
      .map((file) => [file, readFileSync(join(dir, file), 'utf8')])
  } catch (cause) {
    throw new ConfigError([describe(`cannot be read: ${(cause as NodeJS.ErrnoException).code}`)])
  }
}

function describe(problem: string): ConfigFault {
  return {
    key: 'AUTHCORE_MESSAGE_TEMPLATES',
    problem,
    remedy: 'See docs/MESSAGES.md for the names of files and fields.',
  }
}

function faultOf(file: string, text: string): string | undefined {
  const [, kind = '', locale = '', part = ''] = FILE.exec(file) ?? []
  if (!isKind(kind)) return 'names no kind of message'
  if (!(LOCALES as readonly string[]).includes(locale)) return 'names no locale of ours'
  if (!PARTS.includes(part)) return `does not end in ${PARTS.join(', ')}`
  const definition: KindDefinition = KINDS[kind]
  const known = new Set([...ALWAYS, ...Object.keys(definition.fields.shape)])
  const unknown = [...text.matchAll(NAME)].map(([, name]) => name!).filter((n) => !known.has(n))
  if (unknown.length > 0) return `uses {{${unknown[0]}}}, which ${kind} does not have`
  return text.replace(NAME, '').includes('{{') ? 'has {{ without a name and }}' : undefined
}

/** A field that this message does not have is empty. */
export function fillTemplate(
  template: string,
  params: Readonly<Record<string, string | number>>,
  html: boolean,
): string {
  return template.replace(NAME, (_, name: string) => {
    const value = Object.hasOwn(params, name) ? String(params[name]) : ''
    return html ? escapeHtml(value) : value
  })
}
