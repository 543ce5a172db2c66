import { type HtmlElement, Parser, StaticConfigLoader } from 'html-validate'

/** Finds elements of a page the ways the suite's scripts name them: id, name, class, css. */

const config = await new StaticConfigLoader({ extends: [] }).getConfigFor('page.html')

export function readPage(html: string): HtmlElement {
  return new Parser(config).parseHtml(html)
}

/** @throws where a way of naming is not one of ours to use */
export function find(root: HtmlElement, by: string, target: string): HtmlElement | null {
  switch (by) {
    case 'id':
      return root.querySelector(`#${target}`)
    case 'name':
      return root.querySelector(`[name="${target}"]`)
    case 'class':
      return root.querySelector(`.${target}`)
    case 'css':
      return root.querySelector(target)
    default:
      throw new Error(`nothing is found by ${by} here`)
  }
}

export function isVisible(element: HtmlElement): boolean {
  return element.closest('[hidden]') === null && element.closest('[type="hidden"]') === null
}

export function attribute(element: HtmlElement, name: string): string | undefined {
  return element.getAttributeValue(name) ?? undefined
}

/** The form that a button sends, by its place in `parseForms`: the one it names, or the one around it. */
export function formIndex(root: HtmlElement, button: HtmlElement): number {
  const named = attribute(button, 'form')
  const form = named === undefined ? button.closest('form') : root.querySelector(`#${named}`)
  const all = root.querySelectorAll('form')
  const isHidden = (each: HtmlElement) => each.hasAttribute('hidden')
  const listed = [...all.filter((each) => !isHidden(each)), ...all.filter(isHidden)]
  return form ? listed.findIndex((each) => each.isSameNode(form)) : -1
}
