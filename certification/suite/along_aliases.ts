/**
 * Works on several plans at once, but never on two that share an alias: starting the second would end
 * the first. Results come in the order of the plans.
 */
export async function alongAliases<T extends { alias: string }, R>(
  plans: readonly T[],
  hands: number,
  work: (plan: T) => Promise<R>,
): Promise<R[]> {
  const results = new Map<T, R>()
  const queues = [...Map.groupBy(plans, ({ alias }) => alias).values()]
  const hand = async () => {
    for (let queue = queues.shift(); queue; queue = queues.shift()) {
      for (const plan of queue) results.set(plan, await work(plan))
    }
  }
  await Promise.all(Array.from({ length: hands }, hand))
  return plans.map((plan) => results.get(plan)!)
}
