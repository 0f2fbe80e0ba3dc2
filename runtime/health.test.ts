import { describe, expect, it } from 'vitest'
import { createHealth } from './health.ts'

const fail = (): never => {
  throw new Error('no answer from the store')
}

describe('readiness', () => {
  it('names each check and what is wrong with it', async () => {
    const health = createHealth()
    health.addCheck('queue', () => undefined)
    health.addCheck('store', fail)
    expect(await health.report()).toEqual({
      ok: false,
      checks: [
        { name: 'queue', ok: true, isAdvisory: false, detail: 'ok' },
        { name: 'store', ok: false, isAdvisory: false, detail: 'no answer from the store' },
      ],
    })
  })

  it('does not turn senders away for what waits in the queue', async () => {
    const health = createHealth()
    health.addCheck('writer', fail, { isAdvisory: true })
    const report = await health.report()
    expect(report.ok).toBe(true)
    expect(report.checks[0]).toMatchObject({ name: 'writer', ok: false })
  })

  it('ends when the process drains', async () => {
    const health = createHealth()
    expect((await health.report()).ok).toBe(true)
    health.drain()
    expect((await health.report()).ok).toBe(false)
  })
})
