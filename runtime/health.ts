import { messageOf } from './errors.ts'

export interface HealthReport {
  ok: boolean
  checks: { name: string; ok: boolean; isAdvisory: boolean; detail: string }[]
}

/**
 * Named readiness checks. A check is ready unless it throws; a check that takes longer than its bound has failed. An
 * advisory one is told of and does not make the process unready: a receiver that can still queue must be sent to.
 */
export interface Health {
  addCheck(name: string, check: () => Promise<void> | void, options?: { isAdvisory?: boolean }): void
  /** After this, `report` fails with "draining", so that load balancers send nothing new. */
  drain(): void
  report(): Promise<HealthReport>
}

const checkTimeoutMillis = 2000

interface Check {
  name: string
  isAdvisory: boolean
  check: () => Promise<void> | void
}

export const createHealth = (): Health => {
  const checks: Check[] = []
  let isDraining = false

  const run = async ({ name, isAdvisory, check }: Check): Promise<HealthReport['checks'][number]> => {
    const { promise: timeout, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new Error(`no answer in ${checkTimeoutMillis} ms`)),
      checkTimeoutMillis,
    )
    try {
      await Promise.race([check(), timeout])
      return { name, ok: true, isAdvisory, detail: 'ok' }
    } catch (error) {
      return { name, ok: false, isAdvisory, detail: messageOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    addCheck: (name, check, { isAdvisory = false } = {}) => {
      checks.push({ name, isAdvisory, check })
    },
    drain: () => {
      isDraining = true
    },
    report: async () => {
      const results = await Promise.all(checks.map((check) => run(check)))
      if (isDraining)
        results.push({ name: 'draining', ok: false, isAdvisory: false, detail: 'this process is stopping' })
      return { ok: results.every(({ ok, isAdvisory }) => ok || isAdvisory), checks: results }
    },
  }
}
