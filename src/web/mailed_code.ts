import type { Context } from 'koa'

/** The code in the link of a mail; empty where there is none that could be one. */
export function codeInLink(ctx: Context): string {
  const { code } = ctx.query
  return typeof code === 'string' && /^[0-9]{8}$/.test(code) ? code : ''
}

/** As people copy it from one screen to another. */
export function codeToRead(code: string): string {
  return `${code.slice(0, 4)} ${code.slice(4)}`
}
