import { Command, type HelpContext, Option } from 'commander'
import { DomainError } from '../../core/errors.ts'
import { type Answer, print, wantsJson } from './output.ts'

/**
 * A command of ours: it returns its answer instead of printing it, takes `--json` wherever it is
 * written, shows examples in its help, and tells a wrong call as the error it is.
 */
export class CliCommand extends Command {
  #examples: readonly string[] = []

  override createCommand(name?: string): CliCommand {
    return new CliCommand(name)
  }

  examples(...lines: string[]): this {
    this.#examples = lines
    return this
  }

  /** @param handler gets the arguments as they were written, and the options of this command */
  answers<Options extends object>(
    handler: (args: string[], options: Options) => Promise<Answer>,
  ): this {
    return this.option('--json', 'print JSON for programs').action(async () => {
      print(await handler(this.processedArgs as string[], this.opts<Options>()))
    })
  }

  /** Lets a group stand before `--json` as well. */
  asGroup(): this {
    return this.addOption(new Option('--json').hideHelp()).helpCommand(false)
  }

  /** What is typed to call this command. */
  get path(): string {
    const above = this.parent instanceof CliCommand ? `${this.parent.path} ` : ''
    return above + this.name()
  }

  override helpInformation(context?: HelpContext): string {
    const help = super.helpInformation(context)
    if (this.#examples.length === 0) return help
    return `${help}\nExamples:\n${this.#examples.map((line) => `  $ ${line}\n`).join('')}`
  }

  override error(message: string): never {
    throw new DomainError('invalid_input', asSentence(message), {
      hint: `See: ${this.path} --help`,
    })
  }

  /** A group without a command shows its help to a person; a program gets an error it can read. */
  override help(context?: HelpContext): never
  override help(rewrite: (text: string) => string): never
  override help(context?: HelpContext | ((text: string) => string)): never {
    if (typeof context === 'function') return super.help(context)
    if (context?.error && wantsJson()) this.error('error: a command is missing')
    return super.help(context)
  }
}

/** `error: unknown option '--nmae'\n(Did you mean --name?)` → `Unknown option '--nmae' (Did you …?)` */
function asSentence(message: string): string {
  const text = message
    .replace(/^error: /, '')
    // What was written where no password belongs may be one.
    .replace(/'(--?[\w-]+)=[^\n]*'/, "'$1'")
    .replace(/(^too many arguments .* but got \d+): .*/s, '$1.')
    .replaceAll('\n', ' ')
  const sentence = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!)]$/.test(sentence) ? sentence : `${sentence}.`
}
