import { fail } from './output.ts'
import { createProgram } from './program.ts'

/** The command line. `program.ts` lists the commands, `output.ts` says how one speaks and ends. */
try {
  await createProgram().parseAsync()
} catch (error) {
  fail(error)
}
