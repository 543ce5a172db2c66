const IMAGE_DATA = /^data:image\/(?:png|jpeg|gif|webp|avif|svg\+xml)[;,][^\s"'<>\\]*$/

/**
 * True for what a page may link to, send a form to or refresh to: an http(s) URL, an absolute path
 * on our own origin or a query on the same page. `javascript:`, `data:`, `//elsewhere`, backslashes, spaces and control
 * characters are not. Client metadata reaches our pages, so this is asked again where it is printed.
 */
export function isWebUri(uri: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: browsers drop them, so `java\tscript:` would run.
  if (/[\u0000-\u0020\u007f\\]/.test(uri)) return false
  if (uri.startsWith('?')) return true
  if (uri.startsWith('/')) return !uri.startsWith('//')
  return /^https?:\/\//i.test(uri) && URL.canParse(uri)
}

/** True for what an `<img>` may load: a web address or an image written into the URI itself. */
export function isImageUri(uri: string): boolean {
  return isWebUri(uri) || IMAGE_DATA.test(uri)
}

/** The host a person can compare with what they know; an internationalized name shows as punycode. */
export function hostOf(uri: string): string {
  return URL.parse(uri)?.host ?? uri
}
