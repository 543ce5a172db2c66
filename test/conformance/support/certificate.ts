import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export type Certificate = { key: string; cert: string }

const NEW_KEY = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** A certificate that is its own authority, in PEM. */
export function selfSigned(commonName: string, altName = `DNS:${commonName}`): Certificate {
  const folder = mkdtempSync(path.join(tmpdir(), 'conformance-'))
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  const subject = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=${altName}`]
  const files = ['-keyout', key, '-out', cert, '-days', '2']
  try {
    execFileSync('openssl', ['req', ...NEW_KEY, ...files, ...subject], { stdio: 'pipe' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
