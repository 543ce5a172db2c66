import type { CliCommand } from './cli_command.ts'

/** The help of any command, and the page of all of them. */

/** Brings in the commands of a group. */
export type Load = (command: CliCommand) => Promise<void>

export async function helpOf(
  program: CliCommand,
  names: readonly string[],
  load: Load,
): Promise<string> {
  let command = program
  for (const name of names) {
    const next = childrenOf(command).find((child) => child.name() === name)
    if (!next) return command.error(`error: unknown command '${name}'`)
    await load(next)
    command = next
  }
  return command.helpInformation()
}

/** The text of docs/CLI.md. A test compares it with the file. */
export async function cliReference(program: CliCommand, load: Load): Promise<string> {
  const sections: string[] = [INTRODUCTION, codeOf(program)]
  for (const command of childrenOf(program)) {
    if (command.name() === 'help') continue
    await load(command)
    const leaves = childrenOf(command)
    sections.push(`## ${command.path}`)
    if (leaves.length === 0) sections.push(codeOf(command))
    else sections.push(command.description())
    for (const leaf of leaves) sections.push(`### ${leaf.path}`, codeOf(leaf))
  }
  return `${sections.join('\n\n')}\n`
}

function childrenOf(command: CliCommand): readonly CliCommand[] {
  return command.commands as readonly CliCommand[]
}

const PAGE_WIDTH = 100

function codeOf(command: CliCommand): string {
  // Whatever the width of the terminal that prints it.
  const help = command.configureHelp({ helpWidth: PAGE_WIDTH }).helpInformation()
  return `\`\`\`text\n${help.trimEnd()}\n\`\`\``
}

const INTRODUCTION = `# Command line

This page is printed from the commands' own help by \`authcore help --markdown\`; a test fails when it
is stale.

Commands read the same configuration as the server (see [CONFIGURATION](CONFIGURATION.md)) and work
beside it: what they change reaches a running server at once. An embedded database is used where it
runs, and otherwise started for the command and stopped again.

- The answer is on stdout; \`--json\`, anywhere in the line, makes it one JSON document whose names do
  not change.
- What went wrong is on stderr: a sentence and what to do about it, or with \`--json\`
  \`{"error": {"code", "message", "hint"}}\`. The exit code is then 1, otherwise 0.
- Secrets and passwords are printed once, by the command that makes them. None is ever taken as an
  argument: files and stdin are.
- What a command changes about clients, APIs, users and keys is in the audit trail.`
