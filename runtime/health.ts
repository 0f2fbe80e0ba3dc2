import { messageOf } from './errors.ts'

export interface HealthReport {
  ok: boolean
  checks: { name: string; ok: boolean; detail: string }[]
}

/** Named readiness checks. A check is ready unless it throws; a check that takes longer than its bound has failed. */
export interface Health {
  addCheck(name: string, check: () => Promise<void> | void): void
  /** After this, `report` fails with "draining", so that load balancers send nothing new. */
  drain(): void
  report(): Promise<HealthReport>
}

const checkTimeoutMillis = 2000

export const createHealth = (): Health => {
  const checks = new Map<string, () => Promise<void> | void>()
  let isDraining = false

  const run = async (name: string, check: () => Promise<void> | void) => {
    const { promise: timeout, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new Error(`no answer in ${checkTimeoutMillis} ms`)),
      checkTimeoutMillis,
    )
    try {
      await Promise.race([check(), timeout])
      return { name, ok: true, detail: 'ok' }
    } catch (error) {
      return { name, ok: false, detail: messageOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    addCheck: (name, check) => {
      checks.set(name, check)
    },
    drain: () => {
      isDraining = true
    },
    report: async () => {
      const results = await Promise.all([...checks].map(([name, check]) => run(name, check)))
      if (isDraining) results.push({ name: 'draining', ok: false, detail: 'this process is stopping' })
      return { ok: results.every((result) => result.ok), checks: results }
    },
  }
}
