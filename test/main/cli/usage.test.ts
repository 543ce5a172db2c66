import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { runCli, wordsOf } from './run_cli.ts'

const run = (line: string) => runCli(wordsOf(line))

describe('the command line', function () {
  this.timeout(60_000)

  it('shows what there is, and examples, without touching anything', async () => {
    const [all, group, leaf, version] = await Promise.all([
      run('--help'),
      run('help client'),
      run('client create --help'),
      run('--version'),
    ])
    expect(all.code).to.equal(0)
    for (const name of ['serve', 'client', 'user', 'keys', 'migrate', 'audit', 'doctor']) {
      expect(all.stdout).to.match(new RegExp(`^ {2}${name}\\b`, 'm'))
    }
    expect(group.stdout).to.contain('rotate-secret [options] <client_id>')
    expect(leaf.stdout).to.contain('Examples:\n  $ authcore client create')
    expect(version.stdout).to.match(/^\d+\.\d+\.\d+\n$/)
  })

  it('has a reference page that is not stale', async () => {
    const { stdout } = await run('help --markdown')
    expect(readFileSync('docs/CLI.md', 'utf8'), 'authcore help --markdown').to.equal(stdout)
  })

  it('tells a wrong call in a sentence and a hint, and ends with 1', async () => {
    const calls: [line: string, message: string, helpOf: string][] = [
      ['clinet', "Unknown command 'clinet' (Did you mean client?)", ''],
      ['keys rotate --algorithm HS256', 'Allowed choices are ES256, RS256, EdDSA.', ' keys rotate'],
      ['client list --wrong', "Unknown option '--wrong'.", ' client list'],
      ['user show', "Missing required argument 'user'.", ' user show'],
      ['serve --role nobody', 'Allowed choices are all, web, worker.', ' serve'],
      ['audit list --limit 0', 'Write a whole number from 1 to 10000.', ' audit list'],
    ]
    const runs = await Promise.all(calls.map(([line]) => run(line)))
    for (const [i, { code, stdout, stderr }] of runs.entries()) {
      const [line, message, helpOf] = calls[i]!
      expect({ code, stdout }, line).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr, line).to.contain(`${message}\nSee: authcore${helpOf} --help\n`)
      expect(stderr, line).not.to.match(/^ +at /m)
    }
  })

  it('says the same to a program as JSON, wherever --json is written', async () => {
    const runs = await Promise.all(
      ['--json user show', 'user --json show', 'user show --json'].map(run),
    )
    for (const answer of runs) {
      expect(answer.code).to.equal(1)
      expect(answer.json()).to.deep.equal({
        error: {
          code: 'invalid_input',
          message: "Missing required argument 'user'.",
          hint: 'See: authcore user show --help',
        },
      })
    }
  })

  it('repeats nothing that may be a password', async () => {
    const runs = await Promise.all(
      [
        'user create --email a@example.com --password=hunter2',
        'user set-password a@example.com hunter2',
        'client create --name a --preset web --secret hunter2',
      ].map(run),
    )
    for (const { code, stdout, stderr } of runs) {
      expect(code).to.equal(1)
      expect(stdout + stderr).not.to.contain('hunter2')
    }
  })

  it('tells a group what it lacks: a person by its help, a program by an error', async () => {
    const [human, program] = await Promise.all([run('audit'), run('audit --json')])
    expect(human.code).to.equal(1)
    expect(human.stderr).to.contain('Usage: authcore audit')
    expect(program.json().error).to.include({ message: 'A command is missing.' })
  })
})
