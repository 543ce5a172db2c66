import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { formatDurationS } from '../../src/core/duration.ts'
import {
  CAPS,
  KINDS,
  type KindDefinition,
  type MessageKind,
} from '../../src/domain/messaging/kinds.ts'
import { isKept } from '../../src/domain/messaging/notices/notice.ts'
import { ROOT } from './documents.ts'

describe('docs/MESSAGES.md', () => {
  const text = readFileSync(path.join(ROOT, 'docs/MESSAGES.md'), 'utf8')

  it('has every kind as it is', () => {
    const rows = Object.entries(KINDS as Record<string, KindDefinition>).map(
      ([kind, { channels, fields, cap, lifetimeS }]) => {
        const names = Object.keys(fields.shape).map((name) => `\`${name}\``)
        const life = formatDurationS(lifetimeS)
          .replace(/(\d)m$/, '$1min')
          .replace(/(?<=\d)(?=\D)/, ' ')
        const ways = [...channels, ...(isKept(kind as MessageKind) ? ['inbox'] : [])]
        return `| \`${kind}\` | ${ways.join(', ')} | ${names.join(', ')} | ${cap} | ${life} |`
      },
    )
    const written = text.split('\n').filter((line) => /^\| `[a-z_]+` \| (email|sms)/.test(line))
    expect(written.map((row) => row.replace('| | ', '|  | '))).to.have.members(rows)
  })

  it('has the caps as they are', () => {
    const { stranger, application, proven, operator, owner } = CAPS
    expect(text.replace(/\s+/g, ' '))
      .to.contain(`${stranger.perHour} an hour and ${stranger.perDay} a day`)
      .and.to.contain(`${application.perHour} and ${application.perDay} of what an application`)
      .and.to.contain(`${proven.perHour} and ${proven.perDay} of what somebody`)
      .and.to.contain(`${operator.perHour} and ${operator.perDay} of what an operator`)
      .and.to.contain(`${owner.perHour} and ${owner.perDay} of notices`)
  })
})
