import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { ConnectorDeps } from '../connector.ts'
import { quoted, SamlFault } from './fault.ts'
import { type IdpDescriptor, METADATA_LIMITS, readIdpMetadata } from './idp_metadata.ts'
import type { IdpSettings } from './settings.ts'

/**
 * What is known of the identity provider, renewed on a schedule where it comes from an address or a
 * file. The last good metadata is kept, until its own end and no longer.
 */
export type IdpSource = {
  /** @throws IdpUnavailable where there is nothing that may be used */
  current(): Promise<IdpDescriptor>
  /**
   * Looks again because something did not fit, such as a signature by a key that we do not have. At
   * most once a minute, whoever asks. Undefined where nothing has changed.
   */
  renewed(): Promise<IdpDescriptor | undefined>
  /** Why the last renewal failed, while an older one is in use. */
  problem(): string | undefined
  /** When the metadata in use, or the last of its keys, ends; undefined where none has been read. */
  endsAt(): Date | undefined
  close(): void
}

/** `message` is for the trail and for whoever runs the connection. */
export class IdpUnavailable extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'IdpUnavailable'
  }
}

/** Reads once more with newer metadata where a signature is by no key that we know. @throws SamlFault */
export async function withKnownKeys<T>(
  source: IdpSource,
  read: (idp: IdpDescriptor) => T,
): Promise<T> {
  const idp = await source.current()
  try {
    return read(idp)
  } catch (error) {
    const unknownKey = error instanceof SamlFault && error.check === 'signature'
    const changed = unknownKey ? await source.renewed() : undefined
    if (!changed) throw error
    return read(changed)
  }
}

export type IdpSourceDeps = Pick<ConnectorDeps, 'clock' | 'log' | 'outbound'>

const AGAIN_MS = 60_000
/** A source that was just seen to be down is not asked by everybody who signs in. */
const AFTER_FAILURE_MS = 5_000

export function openIdpSource(name: string, idp: IdpSettings, deps: IdpSourceDeps): IdpSource {
  const load = loader(idp, deps)
  let last: IdpDescriptor | undefined
  let problem: string | undefined
  let triedAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined

  const attempt = async () => {
    triedAt = deps.clock.now().getTime()
    try {
      const found = await load()
      refuseExpired(found, deps)
      last = found
      problem = undefined
    } catch (error) {
      problem = reasonOf(error)
      deps.log.warn({ connection: name, reason: problem }, 'the metadata could not be renewed')
    }
  }
  const renew = () => {
    running ??= attempt().finally(() => {
      running = undefined
    })
    return running
  }
  const due = (afterMs: number) => deps.clock.now().getTime() - triedAt >= afterMs
  const renews = idp.metadata_url !== undefined || idp.metadata_file !== undefined
  const everyMs = idp.metadata_refresh * 1_000
  const timer = renews ? setInterval(() => void renew(), everyMs).unref() : undefined

  return {
    async current() {
      if (!last && due(AFTER_FAILURE_MS)) await renew()
      else if (!last) await running
      // The timer does not turn while a process sleeps.
      else if (renews && due(everyMs)) void renew()
      return usable(last, problem, deps)
    },
    async renewed() {
      const before = last
      if (!renews || !due(AGAIN_MS)) return undefined
      await renew()
      const same = before && last && before.certificates.join() === last.certificates.join()
      return same ? undefined : last
    },
    problem: () => problem,
    endsAt: () => last && endOf(last),
    close: () => clearInterval(timer),
  }
}

function usable(
  last: IdpDescriptor | undefined,
  problem: string | undefined,
  deps: IdpSourceDeps,
): IdpDescriptor {
  if (!last) throw new IdpUnavailable(problem ?? 'the metadata has not been read yet')
  try {
    refuseExpired(last, deps)
  } catch (error) {
    throw new IdpUnavailable(reasonOf(error))
  }
  return last
}

/** Metadata §2.3.2: nothing of it is valid after `validUntil`. */
function refuseExpired({ validUntil }: IdpDescriptor, { clock }: IdpSourceDeps): void {
  if (validUntil && validUntil <= clock.now()) {
    throw new SamlFault('metadata_expired', `it was valid until ${validUntil.toISOString()}`)
  }
}

function endOf({ validUntil, certificates }: IdpDescriptor): Date | undefined {
  const keys = certificates.map((pem) => new X509Certificate(pem).validToDate.getTime())
  const ends = [Math.max(...keys), ...(validUntil ? [validUntil.getTime()] : [])]
  return keys.length > 0 ? new Date(Math.min(...ends)) : validUntil
}

function loader(idp: IdpSettings, { outbound }: IdpSourceDeps): () => Promise<IdpDescriptor> {
  const options = { entityId: idp.entity_id, signedBy: idp.metadata_certificates }
  const { metadata, metadata_file: file, metadata_url: url } = idp
  if (metadata !== undefined) return async () => readIdpMetadata(metadata, options)
  if (file !== undefined) return async () => readIdpMetadata(await readMetadata(file), options)
  if (url !== undefined) {
    return async () => readIdpMetadata(await fetchMetadata(url, outbound), options)
  }
  return async () => byHand(idp)
}

async function readMetadata(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > METADATA_LIMITS.maxBytes) {
    throw new SamlFault('metadata_size', `more than ${METADATA_LIMITS.maxBytes} bytes`)
  }
  return decode(await readFile(file))
}

async function fetchMetadata(url: string, outbound: IdpSourceDeps['outbound']): Promise<string> {
  const { status, body } = await outbound.request({
    url,
    headers: { accept: 'application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8' },
    maxResponseBytes: METADATA_LIMITS.maxBytes,
    timeoutMs: 10_000,
    followRedirects: 2,
  })
  if (status !== 200) throw new SamlFault('metadata_fetch', `the answer was ${status}`)
  return decode(body)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new SamlFault('xml_text', 'it is not UTF-8')
  }
}

function byHand(idp: IdpSettings): IdpDescriptor {
  const { entity_id: entityId = '', sso_url: sso = '', slo_url: slo, certificates = [] } = idp
  return {
    entityId,
    // One address for both, as the settings name one; `request_binding` says how it is spoken to.
    sso: { redirect: sso, post: sso },
    slo: slo === undefined ? {} : { redirect: { request: slo, response: slo } },
    certificates,
  }
}

/** Errors of the file system and of the network name their target; a stranger's words are cut. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.length > 500 ? quoted(text) : text
}
