import { z } from 'zod'
import type { UpstreamPerson } from '../connector.ts'
import { NS } from './names.ts'
import { attribute, children, elementsIn, type XmlElement } from './xml.ts'

/**
 * Attributes become our words. They are found by Name alone: FriendlyName is for people and "MUST NOT
 * be used as a basis for formally identifying" anything (core §2.7.3.1).
 */

const WS = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims'
const MS = 'http://schemas.microsoft.com/identity/claims'

/** The X.500/LDAP profile names them by OID, others by the LDAP name, Microsoft by addresses. */
const DEFAULTS = {
  subject: [],
  username: [
    'urn:oid:0.9.2342.19200300.100.1.1',
    'uid',
    'urn:oid:1.3.6.1.4.1.5923.1.1.1.6',
    'eduPersonPrincipalName',
    'sAMAccountName',
    'username',
    `${WS}/name`,
    `${WS}/upn`,
  ],
  email: [
    'urn:oid:0.9.2342.19200300.100.1.3',
    'mail',
    'email',
    'emailAddress',
    `${WS}/emailaddress`,
  ],
  email_verified: [],
  name: [
    'urn:oid:2.16.840.1.113730.3.1.241',
    'displayName',
    `${MS}/displayname`,
    'urn:oid:2.5.4.3',
    'cn',
    'name',
  ],
  given_name: ['urn:oid:2.5.4.42', 'givenName', 'given_name', 'firstName', `${WS}/givenname`],
  family_name: ['urn:oid:2.5.4.4', 'sn', 'surname', 'family_name', 'lastName', `${WS}/surname`],
  phone: [
    'urn:oid:0.9.2342.19200300.100.1.41',
    'mobile',
    'urn:oid:2.5.4.20',
    'telephoneNumber',
    'phone_number',
  ],
  groups: [
    'urn:oid:1.3.6.1.4.1.5923.1.5.1.1',
    'isMemberOf',
    'memberOf',
    'groups',
    'http://schemas.xmlsoap.org/claims/Group',
    'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups',
  ],
  nickname: [],
  locale: [],
  zoneinfo: [],
} satisfies Record<string, readonly string[]>

type Word = keyof typeof DEFAULTS

const names = z
  .union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(20)])
  .transform((value) => (typeof value === 'string' ? [value] : value))

function word(which: Word) {
  return names.default([...DEFAULTS[which]])
}

/** Word → the Names of attributes, the first that has a value; what is given replaces the default. */
export const attributeSettings = z
  .strictObject({
    /** In place of the NameID. */
    subject: names.optional(),
    username: word('username'),
    email: word('email'),
    email_verified: word('email_verified'),
    name: word('name'),
    given_name: word('given_name'),
    family_name: word('family_name'),
    phone: word('phone'),
    groups: word('groups'),
    nickname: word('nickname'),
    locale: word('locale'),
    zoneinfo: word('zoneinfo'),
  })
  .prefault({})

export type AttributeSettings = z.output<typeof attributeSettings>

const CLAIMS = ['name', 'given_name', 'family_name', 'nickname', 'locale', 'zoneinfo'] as const

export type Attributes = ReadonlyMap<string, readonly string[]>

const MAX_ATTRIBUTES = 200
const MAX_VALUES = 1_000
/** A photograph is no attribute that anybody maps. */
const MAX_VALUE_CHARACTERS = 2_048
const CONTROL = /\p{Cc}/u
/** Names that are members of every object. */
const INHERITED = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * The attributes of an assertion that was verified. Values with elements in them, control characters
 * or beyond the limits are left out; attributes of one Name are one.
 */
export function attributesOf(assertion: XmlElement): Attributes {
  const found = new Map<string, string[]>()
  const all = children(assertion, NS.assertion, 'AttributeStatement').flatMap((statement) =>
    children(statement, NS.assertion, 'Attribute'),
  )
  for (const each of all) {
    const name = attribute(each, 'Name')
    if (!name || name.length > 256 || INHERITED.has(name)) continue
    const values = [...(found.get(name) ?? []), ...valuesOf(each)].slice(0, MAX_VALUES)
    if (!found.has(name) && found.size === MAX_ATTRIBUTES) break
    if (values.length > 0) found.set(name, values)
  }
  return found
}

function valuesOf(element: XmlElement): string[] {
  return children(element, NS.assertion, 'AttributeValue')
    .filter((value) => elementsIn(value).length === 0)
    .map((value) => value.textContent.trim())
    .filter((text) => text && text.length <= MAX_VALUE_CHARACTERS && !CONTROL.test(text))
}

/** What stands under the first of these names that has one value; of two, nobody knows which holds. */
export function singleValue(attributes: Attributes, wanted: readonly string[]): string | undefined {
  for (const name of wanted) {
    const values = new Set(attributes.get(name))
    if (values.size === 1) return [...values][0]
    if (values.size > 1) return undefined
  }
  return undefined
}

/** @param nameIdEmail the NameID, where it is an address by its format */
export function personOf(
  subject: string,
  attributes: Attributes,
  mapping: AttributeSettings,
  nameIdEmail?: string,
): UpstreamPerson {
  const single = (which: Exclude<keyof AttributeSettings, 'subject'>) =>
    singleValue(attributes, mapping[which])
  const email = single('email') ?? nameIdEmail
  return {
    subject,
    username: single('username'),
    email,
    emailVerified: email !== undefined && /^(true|1)$/.test(single('email_verified') ?? ''),
    phone: phoneOf(single('phone')),
    claims: Object.fromEntries(
      CLAIMS.map((claim) => [claim, single(claim)]).filter(([, value]) => value !== undefined),
    ),
    groups: [...new Set(mapping.groups.flatMap((name) => attributes.get(name) ?? []))],
    raw: Object.fromEntries(
      [...attributes].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
    ),
  }
}

/** Written as people write it, it is E.164 only with its country. */
function phoneOf(text: string | undefined): string | undefined {
  const plain = text?.replace(/[\s()./-]/g, '')
  return plain && /^\+[1-9]\d{6,14}$/.test(plain) ? plain : undefined
}
