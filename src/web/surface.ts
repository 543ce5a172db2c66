import type Koa from 'koa'

/** A part of the server that the outside touches. It mounts itself; one file of `main/` lists them. */
export type Surface = {
  readonly name: string
  mount(app: Koa): void
}
