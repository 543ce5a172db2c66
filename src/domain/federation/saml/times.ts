import { SamlFault } from './fault.ts'

/** Core §1.3.3: xs:dateTime in UTC. */
const DATE_TIME = /^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** @returns undefined where the attribute is absent. @throws SamlFault where it is no time */
export function timeOf(text: string | undefined, name: string): Date | undefined {
  if (text === undefined) return undefined
  const time = DATE_TIME.test(text.trim()) ? new Date(text.trim()) : undefined
  if (!time || Number.isNaN(time.getTime())) throw new SamlFault('xml_time', `${name} is no time`)
  return time
}

/** As we write it: whole seconds, which every peer reads. */
export function instant(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
