import type { KeyObject } from 'node:crypto'
import { checkCsrf } from '../../web/csrf.ts'
import { type Interaction, InteractionLost } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** Forms of an interaction are answers to a page of it, and to no page of another one. */

export function csrfKey(deps: InteractionDeps): KeyObject {
  return deps.keyring.deriveKey('interaction_csrf')
}

/** @throws InteractionLost where the page was not made for what is being signed in for now */
export function checkForm(
  deps: InteractionDeps,
  { uid }: Interaction,
  bindings: readonly string[],
  token: string,
): void {
  try {
    checkCsrf(csrfKey(deps), bindings, token)
  } catch {
    throw new InteractionLost(uid, { changed: true })
  }
}
