import { z } from 'zod'
import { durationS, integer, setting } from '../setting.ts'

const action = z.enum(['off', 'notify', 'factor'])

/** Where people sign in from, and what follows from an unusual sign-in. */
export const riskSection = z.strictObject({
  geoDatabase: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_GEO_DATABASE',
    doc: 'A file in MaxMind DB format, of countries or cities (GeoLite2, GeoIP2, DB-IP), that tells where addresses are; read again when it is replaced. See docs/OPERATIONS.md.',
    defaultDoc: 'no place is told',
  }),
  newDevice: setting(action.default('notify'), {
    env: 'AUTHCORE_RISK_NEW_DEVICE',
    doc: 'What a browser that never signed in to the account leads to: `off`, `notify` (its owner is told by mail) or `factor` (told, and asked for a second factor, or a code from the mailbox where there is none). Never at the first sign-in of all. See docs/SIGN-IN.md.',
  }),
  newCountry: setting(action.default('notify'), {
    env: 'AUTHCORE_RISK_NEW_COUNTRY',
    doc: 'The same for a country that the account was not signed in to from within AUTHCORE_RISK_HISTORY_DAYS. It needs AUTHCORE_GEO_DATABASE; without it nothing happens.',
  }),
  travel: setting(action.default('notify'), {
    env: 'AUTHCORE_RISK_TRAVEL',
    doc: 'The same for a sign-in too far from the last one for the time between. It needs AUTHCORE_GEO_DATABASE with cities; without it nothing happens.',
  }),
  velocity: setting(action.default('off'), {
    env: 'AUTHCORE_RISK_VELOCITY',
    doc: 'The same for tries from many networks in a short time, refused passwords among them.',
  }),
  historyDays: setting(integer(1, 400).default(90), {
    env: 'AUTHCORE_RISK_HISTORY_DAYS',
    doc: 'For how many days after the last sign-in from a network its country is known, and anything of it kept.',
  }),
  travelSpeed: setting(integer(100, 100_000).default(1_000), {
    env: 'AUTHCORE_RISK_TRAVEL_SPEED',
    doc: 'How fast somebody may have moved between two sign-ins, in km/h.',
  }),
  travelDistance: setting(integer(0, 20_000).default(500), {
    env: 'AUTHCORE_RISK_TRAVEL_DISTANCE',
    doc: 'How far, in km, it has to be at least, after what both places may be off was taken away.',
  }),
  velocityNetworks: setting(integer(2, 200).default(5), {
    env: 'AUTHCORE_RISK_VELOCITY_NETWORKS',
    doc: 'From how many networks (IPv4 addresses, or /48 of IPv6) tries are many.',
  }),
  velocityWindowS: setting(durationS(60, 86_400).default(600), {
    env: 'AUTHCORE_RISK_VELOCITY_WINDOW',
    doc: 'Within how much time.',
  }),
})
