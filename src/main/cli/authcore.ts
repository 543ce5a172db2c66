import { Command } from 'commander'
import { fail } from './output.ts'

/**
 * The command line. Each command is a file of its own, loaded when it is called, so that `serve`
 * does not carry what only an operator needs.
 */
const program = new Command('authcore')
  .description('OpenID Connect and OAuth 2.0 authorization server')
  .option('--json', 'print JSON for programs')
  .showHelpAfterError('(authcore --help tells what there is)')
  .enablePositionalOptions()

program
  .command('serve')
  .description('start the server')
  .option('--role <role>', 'all, web or worker', /^(all|web|worker)$/)
  .action(async ({ role }: { role?: 'all' | 'web' | 'worker' }) => {
    const { serve } = await import('../serve.ts')
    await serve(role)
  })

try {
  await program.parseAsync()
} catch (error) {
  fail(error)
}
