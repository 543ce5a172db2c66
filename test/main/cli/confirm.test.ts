import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { confirm, type Terminal } from '../../../src/main/cli/confirm.ts'

describe('confirming what cannot be undone', () => {
  const question = { warning: 'It will be gone.', word: 'shop' }

  function terminal(isTTY: boolean): Terminal & { input: PassThrough; said(): string } {
    const output = Object.assign(new PassThrough(), { isTTY })
    return {
      input: Object.assign(new PassThrough(), { isTTY }),
      output,
      said: () => String(output.read() ?? ''),
    }
  }
  const outcome = (asked: Promise<void>) =>
    asked.then(
      () => 'confirmed',
      (error: Error) => error.message,
    )

  it('asks nobody where --yes was said', async () => {
    const here = terminal(false)
    expect(await outcome(confirm({ ...question, yes: true }, here))).to.equal('confirmed')
    expect(here.said()).to.equal('')
  })

  it('refuses where nobody can be asked', async () => {
    const asked = confirm({ ...question, yes: undefined }, terminal(false))
    expect(await outcome(asked)).to.equal('It will be gone.')
  })

  it('goes on only where the word was typed', async () => {
    for (const [typed, expected] of [
      ['shop\n', 'confirmed'],
      [' shop \n', 'confirmed'],
      ['y\n', 'Nothing was changed.'],
      ['\n', 'Nothing was changed.'],
      // Ctrl-C, Ctrl-D
      ['\x03', 'Nothing was changed.'],
      ['\x04', 'Nothing was changed.'],
    ]) {
      const here = terminal(true)
      const asked = confirm({ ...question, yes: undefined }, here)
      here.input.write(typed)
      expect(await outcome(asked), JSON.stringify(typed)).to.equal(expected)
      expect(here.said()).to.contain('It will be gone.\nType shop to go on: ')
    }
  })

  it('does not wait for somebody who has left', async () => {
    const here = terminal(true)
    const asked = confirm({ ...question, yes: undefined }, here)
    here.input.end()
    expect(await outcome(asked)).to.equal('Nothing was changed.')
  })
})
