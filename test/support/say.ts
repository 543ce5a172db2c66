export const NOTE = 'note: '

/** Something that whoever runs the tests should read at their end. */
export function say(line: string): void {
  console.log(NOTE + line)
}
