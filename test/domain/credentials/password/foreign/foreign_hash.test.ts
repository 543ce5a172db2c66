import { hash as bcryptHash } from 'bcrypt'
import { expect } from 'chai'
import { chooseArgon2Engine } from '../../../../../src/domain/credentials/password/argon2/argon2_engine.ts'
import {
  readForeignHash,
  verifyForeignHash as verifyWith,
} from '../../../../../src/domain/credentials/password/foreign/foreign_hash.ts'
import { createPasswordHasher } from '../../../../../src/domain/credentials/password/password_hash.ts'
import { MADE, PASSWORD, PUBLISHED } from './vectors.ts'

const hasher = createPasswordHasher({ memoryKib: 1024, passes: 1, parallelism: 1 })
const engines = { argon2: chooseArgon2Engine() }
const verifyForeignHash = (hash: string, password: string) => verifyWith(hash, password, engines)

function stored(hash: string): string {
  const reading = readForeignHash(hash)
  if (reading.kind !== 'ok') throw new Error(`${reading.reason}: ${hash}`)
  return reading.stored
}

describe('domain/credentials/password/foreign', function () {
  this.timeout(20_000)

  const SALT = 'MDEyMzQ1Njc4OWFiY2RlZg'
  const HASH = 'yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI'

  for (const [what, hash, id] of MADE) {
    it(`verifies ${what}, and asks to hash it anew`, async () => {
      const kept = stored(hash)
      expect(kept.split('$')[1]).to.equal(id)
      expect(stored(kept.startsWith('$ldap') ? hash : kept)).to.equal(kept)
      expect(await hasher.verify(kept, PASSWORD)).to.deep.equal({ ok: true, rehash: true })
      expect((await hasher.verify(kept, `${PASSWORD} `)).ok).to.equal(false)
    })
  }

  for (const [what, hash, password] of PUBLISHED) {
    it(`agrees with the published example of ${what}`, async () => {
      expect(await verifyForeignHash(stored(hash), password)).to.equal(true)
      expect(await verifyForeignHash(stored(hash), password.toUpperCase())).to.equal(false)
    })
  }

  it('verifies bcrypt of every version as 2b, up to its 72 bytes', async () => {
    const long = `${'ä'.repeat(36)}and more`
    const hash = await bcryptHash(long, 4)
    for (const version of ['$2a$', '$2b$', '$2y$', 'bcrypt$$2b$', '{CRYPT}$2a$']) {
      const kept = stored(hash.replace('$2b$', () => version))
      expect(kept).to.equal(hash)
      expect(await verifyForeignHash(kept, long)).to.equal(true)
      expect(await verifyForeignHash(kept, `${'ä'.repeat(36)}and less`)).to.equal(true)
      expect(await verifyForeignHash(kept, 'ä'.repeat(35))).to.equal(false)
    }
  })

  it('keeps Argon2 with all its parameters, in the order of the reference implementation', () => {
    const bare = `t=2,m=1024,p=1$${SALT}$${HASH}`
    const kept = `m=1024,t=2,p=1$${SALT}$${HASH}`
    expect(stored(`$argon2id$v=19$${bare}`)).to.equal(`$argon2id$v=19$${kept}`)
    expect(stored(`argon2$argon2d$v=16$${bare}`)).to.equal(`$argon2d$v=16$${kept}`)
    expect(stored(`{ARGON2}$argon2i$${bare}`)).to.equal(`$argon2i$v=16$${kept}`)
  })

  it('takes what was typed before its NFC, and then that', async () => {
    const [composed, apart] = ['passw\u00f6rd', 'passwo\u0308rd']
    const ofApart = stored(await bcryptHash(apart, 4))
    expect((await hasher.verify(ofApart, apart)).ok).to.equal(true)
    const ofComposed = stored(await bcryptHash(composed, 4))
    expect((await hasher.verify(ofComposed, apart)).ok).to.equal(true)
    expect((await hasher.verify(ofComposed, composed)).ok).to.equal(true)
  })

  const KEY = 'A'.repeat(43)
  for (const [reason, hashes] of Object.entries({
    costly_hash: [
      '$2b$15$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.',
      '$2b$31$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.',
      `$argon2id$v=19$m=4194304,t=3,p=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=65536,t=1000,p=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=65536,t=1,p=255$${SALT}$${HASH}`,
      `$scrypt$ln=30,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=99,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=14,r=8,p=4096$${SALT}$${HASH}`,
      `$scrypt$ln=1,r=4294967,p=1$${SALT}$${HASH}`,
      'scrypt:1073741824:8:1$salt$00112233445566778899aabbccddeeff',
      `$pbkdf2-sha256$i=999999999$${SALT}$${HASH}`,
      `$pbkdf2-sha256$i=2000000$${SALT}$${HASH}${HASH.slice(0, 42)}`,
      `$firebase-scrypt$ln=24,r=8,sep=Bw,key=${KEY}$${SALT}$${HASH}`,
    ],
    weak_hash: [
      `$pbkdf2-sha256$i=1000$${SALT}$yqSq`,
      `$scrypt$ln=14,r=8,p=1$${SALT}$yg`,
      `$argon2id$v=19$m=1024,t=1,p=1$${SALT}$yqSq`,
    ],
    malformed_hash: [
      '$2b$10$short',
      '$2x$05$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.',
      '$2b$03$A5pN7vi.n7vfSt7FcO6hh.m7Y0O3ydTeap5g4aQYO6WQl4Bs/BTH.',
      `$argon2id$v=19$m=0,t=1,p=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=1024,t=-1,p=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=1024,t=1,p=1,keyid=a,data=b$${SALT}$${HASH}`,
      `$argon2id$v=19$m=1024,t=1,t=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=1024,t=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=31,t=1,p=4$${SALT}$${HASH}`,
      `$argon2id$v=19$m=1024,t=1,p=1$c2FsdA$${HASH}`,
      `$argon2id$v=18$m=1024,t=1,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=0,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=1e1,r=8,p=1$${SALT}$${HASH}`,
      'scrypt$1000$salt$8$1$PYNpfXP4AClKSsEnn7+kLQ==',
      `$pbkdf2-md5$i=1000$${SALT}$${HASH}`,
      `$pbkdf2-sha256$i=0$${SALT}$${HASH}`,
      `$pbkdf2-sha256$i=1000$${SALT}$!!!`,
      'pbkdf2_md5$1000$salt$AAAA',
      '{SSHA}q/eq1kOINtvlJqojGr3i0O73TUI=',
      '{SHA}NvEhBA/c17Lgg4e/s1UOvquClwsBwwLO',
      '{SSHA512}AAAA',
      '{SSHA}',
      `$firebase-scrypt$ln=14,r=8,sep=Bw,key=short$${SALT}$${HASH}`,
      `$firebase-scrypt$ln=14,r=8$${SALT}$${HASH}`,
      `{SSHA}${'A'.repeat(2_000)}`,
    ],
    unknown_hash: [
      '',
      'password',
      '5f4dcc3b5aa765d61d8327deb882cf99',
      '{MD5}X03MO1qnZdYdgyfeuILPmQ==',
      '$6$rounds=5000$salt$hash',
      '$1$salt$hash',
      '{PLAIN}password',
    ],
  })) {
    for (const hash of hashes) {
      it(`refuses ${hash.slice(0, 50)} as ${reason}`, () => {
        expect(readForeignHash(hash)).to.deep.equal({ kind: 'refused', reason })
      })
    }
  }

  it('matches nothing with a text that is no hash', async () => {
    for (const text of ['$pbkdf2-sha256$i=1$$', '$nothing$a$b', 'plain', '']) {
      expect((await hasher.verify(text, 'plain')).ok, text).to.equal(false)
    }
  })

  it('leaves the event loop free while bcrypt, scrypt and PBKDF2 work', async () => {
    const slow = [
      await bcryptHash('x', 11),
      stored(PUBLISHED[2]![1]),
      `$pbkdf2-sha512$i=300000$${SALT}$${HASH}${HASH.slice(0, 42)}`,
    ]
    for (const hash of slow) {
      let turns = 0
      const timer = setInterval(() => turns++, 2)
      const startedAt = performance.now()
      await verifyForeignHash(hash, 'wrong')
      const tookMs = performance.now() - startedAt
      clearInterval(timer)
      expect(tookMs, hash.slice(0, 10)).to.be.above(20)
      expect(turns, hash.slice(0, 10)).to.be.above(3)
    }
  })

  it('counts foreign hashes at the same gate', async () => {
    const narrow = createPasswordHasher({
      memoryKib: 1024,
      passes: 1,
      parallelism: 1,
      concurrency: 1,
      queue: 0,
    })
    const hash = await bcryptHash('x', 8)
    const results = await Promise.allSettled([1, 2, 3].map(() => narrow.verify(hash, 'y')))
    expect(results.filter(({ status }) => status === 'rejected')).to.have.length(2)
  })

  it('lets a refusal for nobody take as long as one for an imported account', async () => {
    const fresh = createPasswordHasher({ memoryKib: 1024, passes: 1, parallelism: 1 })
    const imported = await bcryptHash('x', 9)
    await fresh.meet([imported])
    const timed = async (phc: string | undefined) => {
      const startedAt = performance.now()
      await fresh.verify(phc, 'wrong')
      return performance.now() - startedAt
    }
    const [known, unknown]: [number[], number[]] = [[], []]
    for (let i = 0; i < 21; i++) {
      known.push(await timed(imported))
      unknown.push(await timed(undefined))
    }
    const [a, b] = [median(known), median(unknown)]
    expect(Math.abs(a - b) / a, `${a} ms and ${b} ms`).to.be.below(0.15)
  })
})

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}
