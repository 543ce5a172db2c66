import { expect } from 'chai'

/** Shannon entropy of the characters times their number, as the suite measures it. */
function measuredBits(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  const shares = [...counts.values()].map((count) => count / value.length)
  return -shares.reduce((sum, share) => sum + share * Math.log2(share), 0) * value.length
}

export function checkEntropy(name: string, value: string, minBits: number): void {
  expect(measuredBits(value), `measured entropy of ${name} in bits`).to.be.at.least(minBits)
}
