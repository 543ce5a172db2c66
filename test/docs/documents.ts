import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Our own documents, and what tests want to know about them. */

export const ROOT = path.resolve(import.meta.dirname, '../..')

export type Document = { file: string; text: string }

/** Every Markdown file of the repository that people read, by its path from the root. */
export function documents(): Document[] {
  const patterns = [
    '*.md',
    'docs/**/*.md',
    'bench/*.md',
    'certification/*.md',
    'migrations/*.md',
    'deploy/**/*.md',
  ]
  const files = globSync(patterns, { cwd: ROOT }).sort()
  return files.map((file) => ({ file, text: readFileSync(path.join(ROOT, file), 'utf8') }))
}

/** The contents of fenced code blocks in one of these languages. */
export function codeBlocks({ text }: Document, languages: readonly string[]): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, language = '']) => languages.includes(language))
    .map(([, , code = '']) => code)
}

/** The text without fenced blocks: links inside an example are part of the example. */
export function prose({ text }: Document): string {
  return text.replace(/^```.*?^```$/gms, '')
}

export type Link = { target: string; anchor: string | undefined }

/** Links and images that lead to files of ours. */
export function localLinks(document: Document): Link[] {
  return [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#')
      return { target: file, anchor }
    })
}

/** The anchors that headings get, as code hosts make them. */
export function anchors(text: string): Set<string> {
  const headings = text.replace(/^```.*?^```$/gms, '').matchAll(/^#{1,6} (.+)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
