import {
  hashWithArgon2,
  verifyArgon2,
} from '../../src/domain/credentials/password/argon2/argon2_hash.ts'
import { loadNodeArgon2 } from '../../src/domain/credentials/password/argon2/node_argon2.ts'
import { loadNodeRs } from '../../src/domain/credentials/password/argon2/node_rs.ts'
import { loadConfig } from '../../src/platform/config/load_config.ts'

/** The process of `hash.ts` that verifies with the package it is told, and says how many milliseconds. */

const VERIFICATIONS = 100
const PASSWORD = 'correct horse battery staple'

const engine = [loadNodeRs(), loadNodeArgon2()].find((each) => each?.name === process.argv[2])
if (!engine) throw new Error(`${process.argv[2]} does not load here`)
const { argon2MemoryKib, argon2Passes, argon2Parallelism } = loadConfig({}).security
const phc = await hashWithArgon2(engine, PASSWORD, {
  memoryKib: argon2MemoryKib,
  passes: argon2Passes,
  parallelism: argon2Parallelism,
})
const cpuBefore = process.cpuUsage()
for (let i = 0; i < VERIFICATIONS; i++) await verifyArgon2(engine, phc, PASSWORD)
const { user, system } = process.cpuUsage(cpuBefore)
process.send!((user + system) / 1_000 / VERIFICATIONS)
