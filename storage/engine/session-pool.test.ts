import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openChdb } from './chdb.ts'
import type { Engine, Session } from './engine.ts'
import { createSessionPool } from './session-pool.ts'

let dataDir: string
let engine: Engine

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-pool-'))
  engine = await openChdb({ dataDir, database: 'otel' })
})
afterAll(async () => {
  await engine.close()
  await rm(dataDir, { recursive: true, force: true })
})

const askOne = async (session: Session): Promise<string> =>
  (await session.run('SELECT 1 FORMAT TSV', 10)).toString().trim()

describe('a pool of sessions', () => {
  it('lets the next in line open the session that could not be opened for the first', async () => {
    let attempts = 0
    const pool = createSessionPool(1, () =>
      ++attempts < 3 ? Promise.reject(new Error(`attempt ${attempts}`)) : engine.openSession(),
    )
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => pool.use(askOne)))
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'attempt 1' } },
      { status: 'rejected', reason: { message: 'attempt 2' } },
      { status: 'fulfilled', value: '1' },
      { status: 'fulfilled', value: '1' },
    ])
    expect(attempts).toBe(3)
    await pool.close()
  })

  it('opens no more than it may, and only when needed', async () => {
    let openedCount = 0
    const pool = createSessionPool(2, () => {
      openedCount += 1
      return engine.openSession()
    })
    for (let use = 0; use < 3; use++) expect(await pool.use(askOne)).toBe('1')
    expect(openedCount).toBe(1)
    expect(await Promise.all([1, 2, 3, 4, 5].map(() => pool.use(askOne)))).toEqual(['1', '1', '1', '1', '1'])
    expect(openedCount).toBe(2)
    await pool.close()
  })

  it('gives a session on after an act that failed', async () => {
    const pool = createSessionPool(1, () => engine.openSession())
    const failing = pool.use(() => Promise.reject(new Error('the act failed')))
    await expect(failing).rejects.toThrow('the act failed')
    expect(await pool.use(askOne)).toBe('1')
    await pool.close()
  })
})
