import type { Translator } from '../../../platform/templating/i18n.ts'
import { isKind } from '../kinds.ts'
import { paramsOf, textKey } from '../render_message.ts'
import { isKept, type Notice } from './notice.ts'

/**
 * A notice in the language of whoever reads it, without markup, in the words of the mail.
 *
 * @param brand the name of the deployment
 * @returns undefined for what only another version of this program has words for
 */
export function renderNotice(
  { kind, fields }: Pick<Notice, 'kind' | 'fields'>,
  { translator, brand }: { translator: Translator; brand: string },
): { subject: string; text: string } | undefined {
  if (!isKind(kind) || !isKept(kind)) return undefined
  try {
    const params = { ...paramsOf(fields, translator), brand }
    return {
      subject: translator.text(`message.${kind}.subject`, params),
      text: translator.text(textKey(kind, params), params),
    }
  } catch {
    return undefined
  }
}
