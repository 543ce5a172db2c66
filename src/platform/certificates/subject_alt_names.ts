import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The subject alternative names of a certificate (RFC 5280 §4.2.1.6), by the kinds RFC 8705 compares. */

export type AltNameKind = 'dns' | 'uri' | 'ip' | 'email'

const KINDS: Readonly<Record<string, AltNameKind>> = {
  DNS: 'dns',
  URI: 'uri',
  'IP Address': 'ip',
  email: 'email',
}

/** `kind:name`, where Node quotes a name as JSON if anything in it could be mistaken. */
const ENTRY = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y

/** @param text `subjectAltName` of an `X509Certificate`; what cannot be read holds no name */
export function hasAltName(text: string | undefined, kind: AltNameKind, expected: string): boolean {
  const wanted = canonicalAltName(kind, expected)
  return (
    wanted !== undefined &&
    namesIn(text ?? '').some(
      (name) => name.kind === kind && canonicalAltName(kind, name.value) === wanted,
    )
  )
}

function namesIn(text: string): { kind: AltNameKind | undefined; value: string }[] {
  const pattern = new RegExp(ENTRY)
  const names = []
  while (pattern.lastIndex < text.length) {
    const [, label, value] = pattern.exec(text) ?? []
    if (label === undefined || value === undefined) return []
    names.push({ kind: KINDS[label], value: value.startsWith('"') ? JSON.parse(value) : value })
  }
  return names
}

/**
 * The form in which two names of a kind are compared: hosts without regard to case, addresses by
 * what they are, everything else as it is. A wildcard is a name like any other.
 *
 * @returns undefined for what is no name of this kind
 */
export function canonicalAltName(kind: AltNameKind, name: string): string | undefined {
  switch (kind) {
    case 'dns':
      return HOST.test(name) ? name.toLowerCase() : undefined
    case 'ip':
      return isIP(name) === 0 || name.includes('%') ? undefined : ipaddr.parse(name).toString()
    case 'email': {
      const at = name.lastIndexOf('@')
      const domain = name.slice(at + 1)
      return at < 1 || !HOST.test(domain) ? undefined : name.slice(0, at + 1) + domain.toLowerCase()
    }
    case 'uri':
      return URL.canParse(name) ? name : undefined
  }
}

const HOST = /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/
