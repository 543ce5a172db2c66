import { argon2 as opensslArgon2 } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as nodeArgon2Verify } from 'argon2'
import { expect } from 'chai'
import {
  type Argon2Engine,
  type Argon2Input,
  type Argon2Variant,
  chooseArgon2Engine,
} from '../../../../../src/domain/credentials/password/argon2/argon2_engine.ts'
import {
  hashWithArgon2,
  inventArgon2,
  isMadeWith,
  verifyArgon2,
} from '../../../../../src/domain/credentials/password/argon2/argon2_hash.ts'
import { loadNodeArgon2 } from '../../../../../src/domain/credentials/password/argon2/node_argon2.ts'
import { loadNodeRs } from '../../../../../src/domain/credentials/password/argon2/node_rs.ts'
import { createPasswordHasher } from '../../../../../src/domain/credentials/password/password_hash.ts'
import { skip } from '../../../../support/skip.ts'

const CHEAP = { memoryKib: 64, passes: 1, parallelism: 1 }
const VARIANTS: readonly Argon2Variant[] = ['argon2d', 'argon2i', 'argon2id']
const SALT = Buffer.from('somesalt')

const PASSWORDS = {
  'an empty one': '',
  'one of a single letter': 'a',
  'one beyond the 72 bytes of others': `${'a'.repeat(99)}b`,
  'one of a kilobyte': '😀'.repeat(256),
  'composed letters': 'pa\u00DFw\u00F6rter',
  'letters apart': 'pa\u00DFwo\u0308rter',
  'another script': 'пароль كلمة السر 密码',
  'a byte of zero within': 'password\0more',
}

/** Of the reference implementation's own tests, with `password` and `somesalt`. */
const REFERENCE = [
  '$argon2i$v=16$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY',
  '$argon2i$v=16$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs',
  '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8',
  '$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E',
  '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
] as const
const [OF_FIRST_VERSION, , OF_SECOND_VERSION] = REFERENCE

/** What runs wherever one of them does: a third implementation, which knows the version 19 alone. */
async function withOpenssl(password: string, input: Argon2Input): Promise<Buffer> {
  const { variant, memoryKib, passes, parallelism, salt, sizeBytes } = input
  return await promisify(opensslArgon2)(variant, {
    message: password,
    nonce: salt,
    parallelism,
    tagLength: sizeBytes,
    memory: memoryKib,
    passes,
  })
}

/** An engine, or an end of the suite that says why. */
function loaded(context: Mocha.Context, engine: Argon2Engine | undefined): Argon2Engine {
  return engine ?? skip(context, `no binary for ${process.platform} on ${process.arch}`)
}

function describeArgon2Engine(name: string, load: () => Argon2Engine | undefined): void {
  describe(`domain/credentials/password/argon2: ${name}`, function () {
    this.timeout(30_000)
    let engine: Argon2Engine
    before(function () {
      engine = loaded(this, load())
    })

    it('goes by the name of its package', () => {
      expect(engine.name).to.equal(name)
    })

    for (const written of REFERENCE) {
      it(`agrees with the reference implementation on ${written.slice(0, 32)}`, async () => {
        expect(await verifyArgon2(engine, written, 'password')).to.equal(true)
        expect(await verifyArgon2(engine, written, 'passwore')).to.equal(false)
      })
    }

    for (const variant of VARIANTS) {
      it(`agrees with OpenSSL on ${variant}, whatever its cost, salt and length`, async () => {
        for (const cost of [CHEAP, { memoryKib: 300, passes: 3, parallelism: 3 }]) {
          for (const salt of [SALT, Buffer.alloc(16, 7), Buffer.alloc(128, 9)]) {
            for (const sizeBytes of [16, 32, 64, 65, 128]) {
              const input = { ...cost, variant, version: 19, salt, sizeBytes } as const
              const bytes = await engine.derive('password', input)
              expect(bytes).to.deep.equal(await withOpenssl('password', input))
            }
          }
        }
      })
    }

    for (const [what, password] of Object.entries(PASSWORDS)) {
      it(`reads all the bytes of ${what}`, async () => {
        const input = { ...CHEAP, variant: 'argon2id', version: 19, salt: SALT } as const
        const bytes = await engine.derive(password, { ...input, sizeBytes: 32 })
        expect(bytes).to.deep.equal(await withOpenssl(password, { ...input, sizeBytes: 32 }))
      })
    }

    it('writes a salted PHC string in the order of the reference implementation', async () => {
      const [one, other] = [
        await hashWithArgon2(engine, 'correct horse', CHEAP),
        await hashWithArgon2(engine, 'correct horse', CHEAP),
      ]
      expect(one).to.match(/^\$argon2id\$v=19\$m=64,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
      expect(other)
        .to.match(/^\$argon2id\$/)
        .and.not.equal(one)
      expect(isMadeWith(one, CHEAP)).to.equal(true)
    })

    it('takes the parameters in any order, and no version for the first one', async () => {
      const [head, cost] = ['$v=16', '$m=256,t=2,p=1'] as const
      expect(OF_FIRST_VERSION).to.include(`${head}${cost}`)
      for (const other of [`${head}$m=256,p=1,t=2`, cost, '$p=1,t=2,m=256']) {
        const written = OF_FIRST_VERSION.replace(`${head}${cost}`, () => other)
        expect(await verifyArgon2(engine, written, 'password'), written).to.equal(true)
      }
      const second = OF_FIRST_VERSION.replace(head, () => '$v=19')
      expect(await verifyArgon2(engine, second, 'password')).to.equal(false)
    })

    it('matches nothing with a text that is no hash, or none that is kept', async () => {
      const right = await hashWithArgon2(engine, 'password', CHEAP)
      const [, , , cost = '', salt = '', hash = ''] = right.split('$')
      for (const text of [
        '',
        'password',
        right.slice(1),
        right.slice(0, -1),
        right.replace('$v=19', '$v=18'),
        right.replace('argon2id', 'argon2x'),
        right.replace(cost, 'm=64,t=1'),
        right.replace(cost, 'm=64,t=1,t=1'),
        right.replace(cost, 'm=64,t=0,p=1'),
        right.replace(cost, 'm=64,t=-1,p=1'),
        right.replace(cost, 'm=64,t=1,p=1,data=AAAA'),
        right.replace(cost, 'm=7,t=1,p=1'),
        right.replace(cost, 'm=4294967295,t=1,p=1'),
        right.replace(cost, 'm=9999999999,t=1,p=1'),
        right.replace(cost, 'm=64,t=1,p=17'),
        right.replace(salt, 'c2FsdA'),
        right.replace(salt, '!!!'),
        right.replace(salt, ''),
        right.replace(hash, ''),
        right.replace(hash, hash.slice(0, 20)),
        `${right}$`,
        `${right}\n`,
      ]) {
        expect(await verifyArgon2(engine, text, 'password'), text).to.equal(false)
      }
      expect(await verifyArgon2(engine, inventArgon2(CHEAP), 'password')).to.equal(false)
      expect(await verifyArgon2(engine, right, 'password')).to.equal(true)
    })

    it('leaves the event loop free', async () => {
      let turns = 0
      const timer = setInterval(() => turns++, 2)
      const startedAt = performance.now()
      await hashWithArgon2(engine, 'password', { memoryKib: 65_536, passes: 3, parallelism: 1 })
      const tookMs = performance.now() - startedAt
      clearInterval(timer)
      expect(tookMs).to.be.above(20)
      expect(turns).to.be.above(3)
    })

    it('keeps many apart that it computes at once', async () => {
      const passwords = Array.from({ length: 32 }, (_, i) => `password ${i}`)
      const hashes = await Promise.all(passwords.map((text) => hashWithArgon2(engine, text, CHEAP)))
      const right = hashes.map((hash, i) => verifyArgon2(engine, hash, passwords[i]!))
      expect(new Set(await Promise.all(right))).to.deep.equal(new Set([true]))
      const wrong = hashes.map((hash, i) => verifyArgon2(engine, hash, passwords[(i + 1) % 32]!))
      expect(new Set(await Promise.all(wrong))).to.deep.equal(new Set([false]))
    })

    it('serves as the engine of the hasher, for other variants, too', async () => {
      const hasher = createPasswordHasher({ ...CHEAP, argon2: engine })
      const own = await hasher.hash('correct horse')
      expect(await hasher.verify(own, 'correct horse')).to.deep.equal({ ok: true, rehash: false })
      expect(await hasher.verify(own, 'correct house')).to.deep.equal({ ok: false, rehash: false })
      expect(await hasher.verify(undefined, 'correct horse')).to.include({ ok: false })
      const foreign = OF_SECOND_VERSION
      expect(await hasher.verify(foreign, 'password')).to.deep.equal({ ok: true, rehash: true })
      expect(await hasher.verify(foreign, 'passwore')).to.include({ ok: false })
    })
  })
}

describeArgon2Engine('@node-rs/argon2', loadNodeRs)
describeArgon2Engine('argon2', loadNodeArgon2)

describe('domain/credentials/password/argon2: one for the other', () => {
  let nodeRs: Argon2Engine
  const nodeArgon2 = loadNodeArgon2()
  before(function () {
    nodeRs = loaded(this, loadNodeRs())
  })

  it('prefers the faster one', () => {
    expect(chooseArgon2Engine().name).to.equal('@node-rs/argon2')
  })

  for (const [what, password] of Object.entries(PASSWORDS)) {
    it(`verifies what the other has made of ${what}`, async () => {
      const byRs = await hashWithArgon2(nodeRs, password, CHEAP)
      const byArgon2 = await hashWithArgon2(nodeArgon2, password, CHEAP)
      expect(await verifyArgon2(nodeArgon2, byRs, password)).to.equal(true)
      expect(await verifyArgon2(nodeRs, byArgon2, password)).to.equal(true)
      expect(await verifyArgon2(nodeArgon2, byRs, `${password} `)).to.equal(false)
      expect(await verifyArgon2(nodeRs, byArgon2, `${password} `)).to.equal(false)
    })
  }

  it('makes strings that both packages read by themselves', async () => {
    const { verify: nodeRsVerify } = await import('@node-rs/argon2')
    for (const engine of [nodeRs, nodeArgon2]) {
      const written = await hashWithArgon2(engine, 'password', CHEAP)
      expect(await nodeRsVerify(written, 'password')).to.equal(true)
      expect(await nodeArgon2Verify(written, 'password')).to.equal(true)
    }
  })

  it('takes a hash of before, whose parameters went by their letters, as one of today', async () => {
    const before = '$argon2id$v=19$m=1024,p=1,t=1$'
    expect(
      isMadeWith(`${before}${'A'.repeat(22)}$${'A'.repeat(43)}`, { ...CHEAP, memoryKib: 1024 }),
    ).to.equal(true)
  })
})
