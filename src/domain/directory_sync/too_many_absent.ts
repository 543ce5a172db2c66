/**
 * A listing in which a crowd is suddenly missing is more often a filter, a base or a right that somebody
 * has changed than people who have left. It stops before anybody has lost anything.
 */
export class TooManyAbsent extends Error {
  readonly reason: 'too_many_absent' | 'nobody_listed'

  constructor(reason: TooManyAbsent['reason'], { lost, known }: { lost: number; known: number }) {
    super(`${lost} of ${known} people would lose their access`)
    this.name = 'TooManyAbsent'
    this.reason = reason
  }
}

/** In a small deployment a share is a handful of people, who may well leave on one day. */
const FEW = 10

/**
 * @param reckoned `known`: those who have access now; `seen`: entries that were listed, whoever they are
 * @param share of `known`, from 0 to 1; 1 is never too many
 * @throws TooManyAbsent
 */
export function assertNotTooMany(
  { lost, known, seen }: { lost: number; known: number; seen: number },
  share: number,
): void {
  if (lost === 0 || share === 1) return
  if (seen === 0) throw new TooManyAbsent('nobody_listed', { lost, known })
  if (lost >= FEW && lost > known * share) {
    throw new TooManyAbsent('too_many_absent', { lost, known })
  }
}
