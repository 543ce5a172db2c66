import { chooseArgon2Engine } from '../../../domain/credentials/password/argon2/argon2_engine.ts'
import { type Finding, ok } from './finding.ts'

/** Which of the two packages computes passwords: both do, but not in the same time. */
export function checkHashing(): Finding {
  return ok('password hashing', `Argon2id by ${chooseArgon2Engine().name}`)
}
