import { costly, malformed, ok, type Scheme } from './scheme.ts'

/**
 * bcrypt in modular crypt form. `2a` and `2y` are kept as `2b`, of which they differ in bugs of old
 * implementations only; `2x` is one of those bugs and refused. bcrypt reads 72 bytes: whoever signs in
 * first with the right 72 and anything behind them has chosen that as the password from then on.
 */

const FORM = /^\$2([a-z])?\$(\d{2})\$([./A-Za-z0-9]{53})$/
/** About a second of one core. */
const COST_MAX = 14
const COST_MIN = 4

export const bcryptScheme: Scheme = {
  ids: ['2b'],
  read(text) {
    const bare = text.replace(/^\{(?:BLF-)?CRYPT\}/i, '').replace(/^bcrypt\$(?=\$)/, '')
    if (!/^\$2[a-z]?\$/.test(bare)) return undefined
    const [, minor, cost, rest] = FORM.exec(bare) ?? []
    if (minor === undefined || !'aby'.includes(minor) || Number(cost) < COST_MIN) return malformed
    return Number(cost) > COST_MAX ? costly : ok(`$2b$${cost}$${rest}`)
  },
  async verify(stored, password) {
    // Loaded where somebody comes with such a hash, and not at every start.
    const { compare } = await import('bcrypt')
    return await compare(password, stored)
  },
}
