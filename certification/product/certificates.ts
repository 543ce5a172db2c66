import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { DomainError } from '../../src/core/errors.ts'

/** Certificates that are their own authority, for as long as a certification takes. */

export type Certificate = { cert: string; key: string }

const DAYS = '30'

/** @param hosts names and addresses; the first is the subject */
export async function makeCertificate(...hosts: string[]): Promise<Certificate> {
  const folder = mkdtempSync(path.join(tmpdir(), 'authcore-certificate-'))
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  const names = hosts.map((host) => `${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}`)
  const subject = ['-subj', `/CN=${hosts[0]}`, '-addext', `subjectAltName=${names.join(',')}`]
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', DAYS, ...subject]
  try {
    await promisify(execFile)('openssl', [...request, '-keyout', key, '-out', cert])
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  } catch (cause) {
    throw new DomainError('unavailable', 'No certificate could be made: openssl does not work.', {
      hint: 'Install openssl.',
      cause,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
