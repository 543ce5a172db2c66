import { chooseLocale } from '../../platform/templating/choose_locale.ts'
import { LOCALES, type Locale, type Translator } from '../../platform/templating/i18n.ts'
import type { Renderer } from '../../platform/templating/strict_eta.ts'
import { type Channel, type Factor, KINDS, type KindDefinition, type MessageKind } from './kinds.ts'
import { fillTemplate, type Overrides } from './overrides.ts'

/** What leaves the house: one message in the words of its reader. */
export type RenderedMessage =
  | { channel: 'email'; locale: Locale; subject: string; text: string; html: string }
  | { channel: 'sms'; locale: Locale; text: string }
  | { channel: 'push'; locale: Locale; subject: string; text: string; uri: string }

export type ToRender = {
  kind: MessageKind
  channel: Channel
  locale: string
  fields: Record<string, unknown>
}

/** @throws ZodError for fields that are not the kind's */
export type RenderMessage = (message: ToRender) => RenderedMessage

type Deps = {
  renderer: Pick<Renderer, 'mail' | 'translator' | 'brand'>
  /** The issuer: messages name its host, and a logo given as a path is there. */
  issuer: string
  overrides?: Overrides
}

/** Where this field is there, `message.<kind>.text_<field>` says it too. */
const TOLD_IF_THERE: Partial<Record<MessageKind, string>> = {
  verify_email: 'client',
  invitation: 'client',
  new_device: 'place',
  phone_changed: 'newPhoneMasked',
  unusual_sign_in: 'place',
}

export function createMessageRenderer({
  renderer,
  issuer,
  overrides = new Map(),
}: Deps): RenderMessage {
  const host = new URL(issuer).host
  return ({ kind, channel, locale: wanted, fields: written }) => {
    const definition: KindDefinition = KINDS[kind]
    const fields = definition.fields.parse(written)
    const locale = chooseLocale({ chosen: wanted, supported: LOCALES, fallback: 'en' })
    const translator = renderer.translator(locale)
    const params = { ...paramsOf(fields, translator), brand: renderer.brand.name, host }
    const own = (part: 'subject' | 'txt' | 'html' | 'sms' | 'push') => {
      const template = overrides.get(`${kind}.${locale}.${part}`)
      return template === undefined ? undefined : fillTemplate(template, params, part === 'html')
    }
    const words = { kind, definition, params, translator }
    if (channel === 'sms') {
      return { channel, locale, text: own('sms') ?? smsText(words, host) }
    }
    const mail = mailParts(words)
    const subject = oneLine(own('subject') ?? mail.subject)
    if (channel === 'push') {
      const uri = mail.action?.uri ?? `${issuer}/account`
      return { channel, locale, subject, text: own('push') ?? mail.plainParagraph, uri }
    }
    return {
      channel,
      locale,
      subject,
      text: own('txt') ?? mailText(mail, translator),
      html: own('html') ?? renderer.mail({ ...mail, logoUri: logoOf(renderer, issuer) }, locale),
    }
  }
}

export type MessageParams = Readonly<Record<string, string | number>>

/** Fields as they are read: times in words, and ways to sign in by their names. */
export function paramsOf(fields: Record<string, unknown>, translator: Translator): MessageParams {
  const params: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'number') params[name] = value
    else if (name === 'at') params[name] = translator.moment(String(value))
    else if (name === 'reason') params[name] = translator.text(`message.reason.${value}`)
    else if (name === 'factor') params[name] = factorName(value as Factor, fields, translator)
    else if (value !== undefined) params[name] = String(value)
  }
  return params
}

function factorName(factor: Factor, { name }: { name?: unknown }, { text }: Translator): string {
  const label = text(`message.factor.${factor}`)
  return typeof name === 'string' ? `${label} (${name})` : label
}

type Words = {
  kind: MessageKind
  definition: KindDefinition
  params: MessageParams
  translator: Translator
}

/** With what is told only where it is there. */
export function textKey(kind: MessageKind, params: MessageParams): string {
  const field = TOLD_IF_THERE[kind]
  const suffix = field !== undefined && field in params ? `_${field}` : ''
  return `message.${kind}.text${suffix}`
}

function mailParts(words: Words) {
  const { kind, definition, params, translator } = words
  const { t, text } = translator
  const { code, link } = params
  const paragraph = textKey(kind, params)
  return {
    subject: text(`message.${kind}.subject`, params),
    paragraph: t(paragraph, params),
    plainParagraph: text(paragraph, params),
    notes: definition.notes.map((note) => text(`message.part.${note}`)),
    sender: t('message.part.sender', params),
    plainSender: text('message.part.sender', params),
    ...(code === undefined ? {} : { code: String(code) }),
    ...(link === undefined
      ? {}
      : { action: { label: text(`message.${kind}.action`), uri: String(link) } }),
  }
}

function mailText(mail: ReturnType<typeof mailParts>, { text }: Translator): string {
  const { code, action } = mail
  return [
    mail.plainParagraph,
    ...(code === undefined ? [] : [`${text('message.part.code')}: ${code}`]),
    ...(action === undefined ? [] : [`${action.label}:\n${action.uri}`]),
    ...mail.notes,
    `-- \n${mail.plainSender}`,
  ].join('\n\n')
}

/**
 * With a code, the last line binds it to our domain, so that a telephone offers it on our pages
 * only (WICG "Origin-bound one-time codes delivered via SMS").
 */
function smsText({ kind, params, translator }: Words, host: string): string {
  const text = translator.text(`message.${kind}.sms`, params)
  const { code } = params
  return code === undefined ? text : `${text}\n\n@${host.replace(/:\d+$/, '')} #${code}`
}

function logoOf({ brand }: Pick<Renderer, 'brand'>, issuer: string): string | undefined {
  return brand.logoUri?.startsWith('/') ? `${issuer}${brand.logoUri}` : brand.logoUri
}

/** A line break in a header field would begin another. */
function oneLine(subject: string): string {
  return subject.replace(/\p{Cc}+/gu, ' ').trim()
}
