import { expect } from 'chai'
import { fuzz, type Report, describe as tellOf } from './fuzz.ts'

/**
 * A short run of `npm run fuzz` with a seed that stays: every endpoint, whatever is sent to it,
 * answers well, keeps secrets out of its log and goes on.
 */
describe('Every endpoint, asked for anything', function () {
  this.timeout(280_000)
  let report: Report
  before(async () => {
    report = await fuzz({ seed: 'npm test', rounds: 1, shapes: 2 })
  })

  it('answers well, logs no secret and stays small', () => {
    expect(report.faults.map(tellOf).join('\n\n')).to.equal('')
  })

  it('was reached at every route that the product has', () => {
    // What sources send is counted under one name, in the address or as a form.
    const names = report.mounted.map((name) => name.replace(/^(federation_\w+)_form$/, '$1'))
    const missed = names.filter((name) => !report.routes.has(name))
    expect(missed).to.deep.equal([])
    expect(report.mounted.length).to.be.above(100)
  })

  it('let some of it through and refused most', () => {
    const answers = (from: number, to: number) =>
      [...report.statuses].reduce(
        (sum, [status, n]) => sum + (status >= from && status < to ? n : 0),
        0,
      )
    expect(answers(200, 400)).to.be.above(100)
    expect(answers(400, 500)).to.be.above(200)
  })
})
