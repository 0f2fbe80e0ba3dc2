import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { createDeadLetters } from './dead-letters.ts'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-dead-letters-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const record = (offset: number) => ({
  offset,
  queuedAtMillis: 1_760_000_000_000,
  tenant: 'default',
  payload: Uint8Array.of(0x0a, 0xff),
})
const filesOf = (...offsets: number[]): string[] =>
  offsets.flatMap((offset) => [`logs-${offset}.json`, `logs-${offset}.otlp`]).toSorted()

describe('dead letters', () => {
  it('are all on disk when a flush resolves, also while another signal flushes at the same time', async () => {
    const letters = createDeadLetters({ dataDir, logger: silentLogger })
    const offsets = Array.from({ length: 9 }, (_, offset) => offset)
    for (const offset of offsets) letters.add('logs', record(offset), new Error('torn'))
    const seen = await Promise.all(
      [1, 2, 3].map(async () => {
        await letters.flush()
        return (await readdir(join(dataDir, 'dead-letter'))).toSorted()
      }),
    )
    expect(seen).toEqual([filesOf(...offsets), filesOf(...offsets), filesOf(...offsets)])
  })

  it('that could not be written are written by the next flush', async () => {
    const letters = createDeadLetters({ dataDir: join(dataDir, 'later'), logger: silentLogger })
    await writeFile(join(dataDir, 'later'), 'a file where the folder belongs')
    letters.add('logs', record(1), new Error('torn'))
    await expect(letters.flush()).rejects.toThrow('ENOTDIR')
    await rm(join(dataDir, 'later'))
    await letters.flush()
    expect((await readdir(join(dataDir, 'later/dead-letter'))).toSorted()).toEqual(filesOf(1))
  })
})
