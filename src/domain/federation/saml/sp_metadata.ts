import { X509Certificate } from 'node:crypto'
import { DATA_ENCRYPTION_METHODS } from './decryption.ts'
import { BINDING, NAME_ID_FORMATS, NS } from './names.ts'
import { samlUris } from './party.ts'
import type { SamlSettings } from './settings.ts'
import { escaped } from './xml.ts'

/**
 * Our side of a connection, for the other side to read (metadata §2.4.4). Both pairs are in it while
 * the key changes: for signing, so that the other side knows the next key before it signs, and for
 * encryption, because we decrypt with both.
 *
 * @param input without secrets: this is public
 */
export function spMetadata({
  name,
  settings,
  issuer,
}: {
  name: string
  settings: SamlSettings
  issuer: string
}): string {
  const uris = samlUris(issuer, name)
  const certificates = [settings.sp_certificate, settings.sp_certificate_next ?? []].flat()
  const keys = (['signing', 'encryption'] as const).flatMap((use) =>
    certificates.map((certificate) => keyDescriptor(use, certificate)),
  )
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<md:EntityDescriptor xmlns:md="${NS.metadata}" xmlns:ds="${NS.signature}"` +
      ` entityID="${escaped(settings.entity_id ?? uris.metadata)}">`,
    `  <md:SPSSODescriptor protocolSupportEnumeration="${NS.protocol}"` +
      ` AuthnRequestsSigned="true" WantAssertionsSigned="${settings.want_assertions_signed}">`,
    ...keys,
    ...(['redirect', 'post'] as const).map((binding) =>
      endpoint('SingleLogoutService', BINDING[binding], uris.slo),
    ),
    `    <md:NameIDFormat>${NAME_ID_FORMATS[settings.name_id_format]}</md:NameIDFormat>`,
    endpoint('AssertionConsumerService', BINDING.post, uris.acs, ' index="0" isDefault="true"'),
    '  </md:SPSSODescriptor>',
    '</md:EntityDescriptor>',
  ]
  return `${lines.join('\n')}\n`
}

function keyDescriptor(use: 'signing' | 'encryption', certificate: string): string {
  const der = new X509Certificate(certificate).raw.toString('base64')
  const methods = use === 'encryption' ? DATA_ENCRYPTION_METHODS : []
  return [
    `    <md:KeyDescriptor use="${use}">`,
    '      <ds:KeyInfo><ds:X509Data>' +
      `<ds:X509Certificate>${der}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`,
    ...methods.map((method) => `      <md:EncryptionMethod Algorithm="${method}"/>`),
    '    </md:KeyDescriptor>',
  ].join('\n')
}

function endpoint(element: string, binding: string, location: string, rest = ''): string {
  return `    <md:${element} Binding="${binding}" Location="${escaped(location)}"${rest}/>`
}
