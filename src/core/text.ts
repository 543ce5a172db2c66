/** What a person typed as a name: without spaces around it, NFC, and at most so many code points. */
export function shortened(text: string, maxCodePoints: number): string {
  return [...text.trim().normalize('NFC')].slice(0, maxCodePoints).join('')
}
