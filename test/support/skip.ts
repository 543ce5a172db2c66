/** Tests that cannot run say why: the reason stands behind the title, in every reporter. */

/** What a component answers when asked whether it can be started here. */
export type Availability = { ok: true } | { ok: false; reason: string }

const MARK = ' (skipped: '

/** Ends the test, or from a `before` every test of its suite, as skipped for this reason. */
export function skip(context: Mocha.Context, reason: string): never {
  for (const test of testsUnder(context)) test.title += `${MARK}${reason})`
  return context.skip()
}

/** `before(function () { requires(this, redis.available()) })` */
export function requires(context: Mocha.Context, availability: Availability): void {
  if (!availability.ok) skip(context, availability.reason)
}

/** The reason that `skip` wrote behind a title, or undefined. */
export function skipReason(title: string): string | undefined {
  const at = title.lastIndexOf(MARK)
  return at < 0 ? undefined : title.slice(at + MARK.length, -1)
}

function testsUnder(context: Mocha.Context): Mocha.Runnable[] {
  const runnable = context.runnable()
  if (/^"(before|after) each" hook/.test(runnable.title)) return [context.currentTest as Mocha.Test]
  if (!/^"before all" hook/.test(runnable.title)) return [runnable]
  const tests: Mocha.Test[] = []
  runnable.parent?.eachTest((test) => tests.push(test))
  return tests
}
