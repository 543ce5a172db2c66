type Piece = { text: string; uri?: string | undefined }

const LINK = /(https?:\/\/[^\s<>"]+)/

/** A text by lines, and each line by what leads somewhere and what does not. */
export function linesOf(text: string): Piece[][] {
  return text.split('\n').map((line) =>
    line
      .split(LINK)
      .filter((piece) => piece !== '')
      .map((piece) => ({ text: piece, uri: LINK.test(piece) ? piece : undefined })),
  )
}
