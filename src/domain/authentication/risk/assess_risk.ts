import type { Clock } from '../../../core/clock.ts'
import { signInRiskDetected } from '../../../platform/events/catalogue.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import type { Places } from '../../../platform/places/place_database.ts'
import { ipKeys } from '../../security/ip_key.ts'
import { noteRefusedTry, seenPlaces } from '../../sessions/sign_in_place_store.ts'
import { assuranceOf, type Method, MULTI_FACTOR_ACR, meetsAcr } from '../assurance.ts'
import type { Risk, RiskResult, SignInRisk } from './risk.ts'
import { findRiskHistory, type RiskHistory } from './risk_history_store.ts'
import { type RiskPolicy, type Signal, signalsOf } from './signals.ts'

export type RiskDeps = {
  clock: Clock
  keyring: Keyring
  places: Places
  policy: RiskPolicy
  /** There is a way to send mail. */
  sendsMail: boolean
  onDetected?: (signals: readonly Signal[], result: RiskResult) => void
}

const DAY_MS = 86_400_000
const NOBODY = '00000000-0000-0000-0000-000000000000'

/**
 * Undefined where what is switched on asks for nothing but what every sign-in knows: then no sign-in
 * costs more than it would without.
 *
 * @param options `places`: there is a file that tells where addresses are
 */
export function createSignInRisk(
  deps: RiskDeps,
  { hasPlaces }: { hasPlaces: boolean },
): SignInRisk | undefined {
  const { actions, historyDays, velocity } = deps.policy
  const placed = hasPlaces && (actions.new_country !== 'off' || actions.travel !== 'off')
  const counts = actions.velocity !== 'off'
  if (!placed && !counts && actions.new_device !== 'factor') return undefined
  const hashOf = (accountId: string, ip: string) => {
    const { narrow, wide } = ipKeys(ip)
    return deps.keyring.hash('sign_in_network', `${accountId}:${wide ?? narrow}`)
  }
  return {
    async assess(db, { accountId, clientId, method, knownDevice, origin }) {
      const now = deps.clock.now()
      const history = await findRiskHistory(db, { accountId, now })
      if (!history) return undefined
      const { country, point } = deps.places.locate(origin.ip) ?? {}
      const network = origin.ip === undefined ? undefined : hashOf(accountId, origin.ip)
      const seen = { now, knownDevice, country, point, network: network?.toString('hex') }
      const before = seenPlaces(history.places)
      const signals = signalsOf({ ...seen, returning: history.returning, before }, deps.policy)
      if (signals.length === 0) return undefined
      const { asks, result } = answerTo(deps, signals, { history, method })
      const fact = { accountId, clientId, signals, result, ...(country ? { country } : {}) }
      deps.onDetected?.(signals, result)
      return { risk: { signals, asks }, event: signInRiskDetected({ ...fact, ...origin }) }
    },
    placeOf({ ip }, accountId) {
      // Whether a browser is new, it says itself.
      if (ip === undefined || !(placed || counts)) return undefined
      const { country, point } = deps.places.locate(ip) ?? {}
      return {
        place: { networkHash: hashOf(accountId, ip), country, point },
        expiresAt: new Date(deps.clock.now().getTime() + historyDays * DAY_MS),
      }
    },
    ...(counts
      ? {
          async noteRefused(db, { accountId = NOBODY, origin: { ip } }) {
            if (ip === undefined) return
            const now = deps.clock.now()
            const expiresAt = new Date(now.getTime() + velocity.windowS * 1000)
            await noteRefusedTry(db, {
              accountId,
              networkHash: hashOf(accountId, ip),
              now,
              expiresAt,
            })
          },
        }
      : {}),
  }
}

/**
 * Nobody ends at a closed door: who has a second factor is asked for it, who has none for a code from
 * the mailbox that is proven to be theirs, and who has neither is let in and told. Who signed in by
 * that mailbox has shown it already.
 */
function answerTo(
  { policy, sendsMail }: RiskDeps,
  signals: readonly Signal[],
  { history, method }: { history: RiskHistory; method: Method },
): { asks: Risk['asks']; result: RiskResult } {
  if (signals.every((name) => policy.actions[name] !== 'factor')) {
    return { asks: 'none', result: 'notified' }
  }
  if (meetsAcr(assuranceOf([method]).acr, [MULTI_FACTOR_ACR])) {
    return { asks: 'none', result: 'already_met' }
  }
  if (history.hasFactor) return { asks: 'factor', result: 'factor_asked' }
  if (history.hasMailbox && sendsMail && method !== 'email_code') {
    return { asks: 'mailbox', result: 'code_asked' }
  }
  return { asks: 'none', result: 'let_in' }
}
