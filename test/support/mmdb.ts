import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Writes files in MaxMind DB format (https://maxmind.github.io/MaxMind-DB/, version 2.0) with a few
 * networks: what tests ask for, and nothing of anybody's database. Records of 24 bits, a tree of IPv6
 * in which IPv4 stands at ::/96.
 */
export function makeMmdb(
  networks: Record<string, unknown>,
  { type = 'GeoLite2-City' }: { type?: string } = {},
): Buffer {
  const data: Buffer[] = []
  let size = 0
  const tree: Node[] = [[undefined, undefined]]
  for (const [network, record] of Object.entries(networks)) {
    const encoded = encode(record)
    insert(tree, bitsOf(network), { data: size })
    data.push(encoded)
    size += encoded.length
  }
  const count = tree.length
  const value = (record: Slot) => {
    if (record === undefined) return count
    return typeof record === 'number' ? record : count + 16 + record.data
  }
  const nodes = tree.map((node) => {
    const bytes = Buffer.alloc(6)
    bytes.writeUIntBE(value(node[0]), 0, 3)
    bytes.writeUIntBE(value(node[1]), 3, 3)
    return bytes
  })
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_790_000_000,
    database_type: type,
    description: { en: 'made by a test' },
    ip_version: 6,
    languages: ['en'],
    node_count: count,
    record_size: 24,
  })
  const marker = Buffer.from('ABCDEF4D61784D696E642E636F6D', 'hex')
  return Buffer.concat([...nodes, Buffer.alloc(16), ...data, marker, metadata])
}

/** A city as GeoLite2-City has it. */
export function cityRecord(input: {
  country: string
  city?: Record<string, string>
  at?: [latitude: number, longitude: number]
  radiusKm?: number
}): unknown {
  const { country, city, at, radiusKm } = input
  return {
    ...(city ? { city: { geoname_id: 1, names: city } } : {}),
    country: { geoname_id: 2, iso_code: country, names: { en: country } },
    ...(at
      ? {
          location: {
            ...(radiusKm === undefined ? {} : { accuracy_radius: radiusKm }),
            latitude: new Double(at[0]),
            longitude: new Double(at[1]),
          },
        }
      : {}),
  }
}

type Slot = undefined | number | { data: number }
type Node = [Slot, Slot]

function insert(tree: Node[], bits: readonly (0 | 1)[], record: { data: number }): void {
  let node = tree[0]!
  for (const bit of bits.slice(0, -1)) {
    const next = node[bit]
    if (typeof next === 'object') throw new Error('a network within another one')
    if (next === undefined) node[bit] = tree.push([undefined, undefined]) - 1
    node = tree[node[bit] as number]!
  }
  node[bits.at(-1)!] = record
}

function bitsOf(network: string): (0 | 1)[] {
  const [address = '', prefix] = network.split('/')
  const bytes = ipaddr.parse(address).toByteArray()
  const v4 = isIP(address) === 4
  const all = v4 ? [...Array<number>(12).fill(0), ...bytes] : bytes
  const length = Number(prefix) + (v4 ? 96 : 0)
  return all
    .flatMap((byte) => [...byte.toString(2).padStart(8, '0')].map((bit) => (bit === '1' ? 1 : 0)))
    .slice(0, length) as (0 | 1)[]
}

class Double {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

const TEXT = 2
const DOUBLE = 3
const UINT32 = 6
const MAP = 7
const ARRAY = 11

function encode(value: unknown): Buffer {
  if (value instanceof Double) {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value.value)
    return Buffer.concat([control(DOUBLE, 8), bytes])
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([control(TEXT, bytes.length), bytes])
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(UINT32, 4), bytes])
  }
  if (Array.isArray(value)) {
    return Buffer.concat([control(ARRAY, value.length), ...value.map(encode)])
  }
  const pairs = Object.entries(value as object)
  return Buffer.concat([control(MAP, pairs.length), ...pairs.flat().map(encode)])
}

function control(kind: number, size: number): Buffer {
  const extended = kind > 7
  const length = size < 29 ? size : 29
  const head = [((extended ? 0 : kind) << 5) | length, ...(extended ? [kind - 7] : [])]
  return Buffer.from(size < 29 ? head : [...head, size - 29])
}
