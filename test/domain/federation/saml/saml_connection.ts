import type {
  ConnectorDeps,
  RedirectResult,
  RedirectStart,
} from '../../../../src/domain/federation/connector.ts'
import { type SamlConnector, samlKind } from '../../../../src/domain/federation/saml/saml_kind.ts'
import { createLogger } from '../../../../src/platform/observability/logger.ts'
import type { Outbound } from '../../../../src/platform/outbound/outbound.ts'
import { issueCertificate } from '../../../support/certificates.ts'
import {
  type AssertionParts,
  assertionXml,
  type Forge,
  idOf,
  post,
  type ResponseParts,
  responseXml,
  type SigningOptions,
  signElement,
} from '../../../support/saml_forge.ts'

/** An open connection and the identity provider on its other side, both in the hand of a test. */

/** Made once: RSA keys take their time. */
export const IDP = issueCertificate({ rsaBits: 2048, subject: [['CN', 'idp']] })
export const STRANGER = issueCertificate({ rsaBits: 2048, subject: [['CN', 'stranger']] })
export const SP = issueCertificate({ rsaBits: 2048, subject: [['CN', 'sp']] })
export const SP_NEXT = issueCertificate({ rsaBits: 2048, subject: [['CN', 'sp next']] })

export const ISSUER = 'https://login.example.com'
export const IDP_ENTITY = 'https://idp.example/entity'

export type Settings = Record<string, unknown>

export function settingsWith(changes: Settings = {}): Settings {
  return {
    idp: {
      entity_id: IDP_ENTITY,
      sso_url: 'https://idp.example/sso',
      slo_url: 'https://idp.example/slo',
      certificates: [IDP.cert],
    },
    sp_certificate: SP.cert,
    ...changes,
  }
}

export const SECRETS = { sp_private_key: SP.key }

export type Connection = {
  connector: SamlConnector
  forge: Forge
  log: string[]
  /** Moves the clock of the connection; the identity provider keeps its own. */
  wait(seconds: number): void
  /** Asks, and has an answer made for what was asked. */
  signIn(
    make: (requestId: string) => string,
    start?: Partial<RedirectStart>,
  ): Promise<RedirectResult>
}

export function openConnection(
  changes: Settings = {},
  {
    secrets = SECRETS,
    outbound = noOutbound,
    now: from = new Date(),
  }: {
    secrets?: Record<string, string>
    outbound?: Pick<Outbound, 'request'>
    now?: Date
  } = {},
): Connection {
  let now = from
  const log: string[] = []
  const deps: ConnectorDeps = {
    clock: { now: () => now },
    log: createLogger({ logLevel: 'trace', logPretty: false }, { write: (line) => log.push(line) }),
    outbound: { request: outbound.request, fetch: () => Promise.reject(new Error('no fetch')) },
    issuer: ISSUER,
  }
  const settings = samlKind.settings.parse(settingsWith(changes))
  const connector = samlKind.open({ name: 'acme', settings, secrets }, deps) as SamlConnector
  const forge: Forge = {
    idpEntityId: IDP_ENTITY,
    spEntityId: connector.saml.entityId,
    acsUri: connector.saml.acsUri,
    now: from,
  }
  return {
    connector,
    forge,
    log,
    wait: (seconds) => {
      now = new Date(now.getTime() + seconds * 1_000)
    },
    async signIn(make, changed = {}) {
      const start = startWith(changed)
      const begun = await connector.redirect!.begin(start)
      if (begun.kind !== 'departs') return begun
      const { requestId } = begun.keep as { requestId: string }
      const params = { SAMLResponse: make(requestId), RelayState: start.state }
      return connector.redirect!.finish({ start, params, keep: begun.keep })
    },
  }
}

const noOutbound: Pick<Outbound, 'request'> = {
  request: () => Promise.reject(new Error('no call was expected')),
}

export function startWith(changed: Partial<RedirectStart> = {}): RedirectStart {
  return {
    callbackUri: `${ISSUER}/federation/acme/callback`,
    state: 'state-of-this-request',
    forceAuthn: false,
    acrValues: [],
    ...changed,
  }
}

export type Answer = {
  assertion?: AssertionParts
  response?: ResponseParts
  /** Who signs what; null: nobody. */
  signAssertion?: typeof IDP | null
  signResponse?: typeof IDP | null
  signing?: SigningOptions
  /** Changes the text after it was signed. */
  tamper?: (xml: string) => string
}

/** The XML of an answer: right, but for what is said. */
export function answerXml(forge: Forge, requestId: string | null, answer: Answer = {}): string {
  const { signAssertion = IDP, signResponse = null, tamper = (xml) => xml } = answer
  const assertion = assertionXml(forge, requestId, answer.assertion)
  const signed = signAssertion
    ? signElement(assertion, idOf(assertion, 'Assertion'), signAssertion, answer.signing)
    : assertion
  const response = responseXml(forge, requestId, signed, answer.response)
  return tamper(
    signResponse
      ? signElement(response, idOf(response, 'Response'), signResponse, answer.signing)
      : response,
  )
}

export function answerTo(forge: Forge, requestId: string | null, answer: Answer = {}): string {
  return post(answerXml(forge, requestId, answer))
}
