/** Refusals that only HTTP knows and the domain has no word for. */
export class MethodNotAllowed extends Error {
  readonly allow: readonly string[]

  constructor(allow: readonly string[]) {
    super('The method is not allowed here.')
    this.name = 'MethodNotAllowed'
    this.allow = allow
  }
}
