/** How a module of the suite ends; FAILED is an exception. */
export type Ending = 'passed' | 'warning' | 'review' | 'skipped'

/**
 * What a module finds worth saying. The worst of it is how the module ends, and has to be what the
 * checklist expects.
 */
export type Notes = {
  /** The suite's WARNING: allowed by the specifications, but not what it recommends. */
  warn(text: string): void
  /** The suite's REVIEW: a human looks at a screenshot; the module has looked at the page instead. */
  review(text: string): void
  /** Nothing of this module applies: thrown, so that it ends here. */
  skip(text: string): never
}

class Skipped extends Error {}

export type Outcome = { ending: Ending; said: string[] }

export async function outcomeOf(run: (notes: Notes) => Promise<void>): Promise<Outcome> {
  const [warnings, reviews, skips]: [string[], string[], string[]] = [[], [], []]
  const notes: Notes = {
    warn: (text) => void warnings.push(text),
    review: (text) => void reviews.push(text),
    skip(text) {
      skips.push(text)
      throw new Skipped(text)
    },
  }
  try {
    await run(notes)
  } catch (error) {
    if (!(error instanceof Skipped)) throw error
  }
  // A warning outranks the rest: it must not hide behind a page that somebody has to look at.
  if (warnings.length > 0) return { ending: 'warning', said: warnings }
  if (skips.length > 0) return { ending: 'skipped', said: skips }
  if (reviews.length > 0) return { ending: 'review', said: reviews }
  return { ending: 'passed', said: [] }
}
