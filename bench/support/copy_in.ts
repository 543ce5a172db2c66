import { once } from 'node:events'
import type { Socket } from 'node:net'
import type pg from 'pg'

/** COPY … FROM STDIN in the text format, over the protocol that `pg` speaks and has no word for. */

type CopyConnection = {
  stream: Socket
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

const CHUNK_CHARACTERS = 1 << 18

export type Cell = string | number | boolean | Buffer | Date | null | undefined

/** @returns how many rows */
export async function copyIn(
  client: pg.Client,
  { table, columns }: { table: string; columns: readonly string[] },
  rows: Iterable<readonly Cell[]>,
): Promise<number> {
  const text = `COPY ${table} (${columns.join(', ')}) FROM STDIN`
  return await new Promise<number>((resolve, reject) => {
    let count = 0
    const submittable = {
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse(connection: CopyConnection) {
        send(connection, rows).then((sent) => {
          count = sent
        }, reject)
      },
      handleCommandComplete() {},
      handleError: reject,
      handleReadyForQuery: () => resolve(count),
    }
    client.query(submittable as unknown as pg.Submittable)
  })
}

async function send(connection: CopyConnection, rows: Iterable<readonly Cell[]>): Promise<number> {
  let count = 0
  let waiting = ''
  const flush = async () => {
    connection.sendCopyFromChunk(Buffer.from(waiting))
    waiting = ''
    if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain')
  }
  for (const row of rows) {
    waiting += `${row.map(cellText).join('\t')}\n`
    count += 1
    if (waiting.length > CHUNK_CHARACTERS) await flush()
  }
  await flush()
  connection.endCopyFrom()
  return count
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '\\N'
  if (Buffer.isBuffer(cell)) return `\\\\x${cell.toString('hex')}`
  if (cell instanceof Date) return cell.toISOString()
  return String(cell).replace(/[\\\t\n\r]/g, (character) => ESCAPED[character]!)
}

const ESCAPED: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }
