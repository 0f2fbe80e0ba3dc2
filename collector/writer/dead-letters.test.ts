import { chmod, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger, silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { listDeadLetters, readDeadLetterPayload, removeDeadLetter } from './dead-letter-files.ts'
import { type NewDeadLetter, createDeadLetters } from './dead-letters.ts'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-dead-letters-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const letter = (offset: number, byteCount = 2): NewDeadLetter => ({
  signal: 'logs',
  partition: 'otlp_logs/0@5ea1c0ffee00',
  record: {
    offset,
    queuedAtMillis: 1_760_000_000_000 + offset,
    tenant: 'default',
    payload: new Uint8Array(byteCount).fill(offset),
  },
  cause: 'undecodable',
  error: new Error('torn'),
})
const filesOf = (...offsets: number[]): string[] =>
  offsets
    .flatMap((offset) => [`logs-5ea1c0ffee00-${offset}.json`, `logs-5ea1c0ffee00-${offset}.otlp`])
    .toSorted()
const files = async (folder = dataDir): Promise<string[]> =>
  (await readdir(join(folder, 'dead-letter'))).toSorted()

/** As somebody who is bound by permissions, which root is not. */
const asNobody = async (act: () => Promise<void>): Promise<void> => {
  if (process.getuid?.() !== 0) return act()
  const nobody = 65_534
  await chown(dataDir, nobody, nobody)
  process.seteuid?.(nobody)
  try {
    await act()
  } finally {
    process.seteuid?.(0)
  }
}

describe('dead letters', () => {
  it('are all on disk when a flush resolves, also while another signal flushes at the same time', async () => {
    const letters = createDeadLetters({ dataDir, logger: silentLogger })
    const offsets = Array.from({ length: 9 }, (_, offset) => offset)
    for (const offset of offsets) letters.add(letter(offset))
    const seen = await Promise.all(
      [1, 2, 3].map(async () => {
        await letters.flush()
        return files()
      }),
    )
    expect(seen).toEqual([filesOf(...offsets), filesOf(...offsets), filesOf(...offsets)])
  })

  it('that could not be written are written by the next flush', async () => {
    const letters = createDeadLetters({ dataDir: join(dataDir, 'later'), logger: silentLogger })
    await writeFile(join(dataDir, 'later'), 'a file where the folder belongs')
    letters.add(letter(1))
    await expect(letters.flush()).rejects.toThrow('ENOTDIR')
    await rm(join(dataDir, 'later'))
    await letters.flush()
    expect(await files(join(dataDir, 'later'))).toEqual(filesOf(1))
  })

  it('are not taken for durable until the folder itself could be synced', () =>
    asNobody(async () => {
      const folder = join(dataDir, 'dead-letter')
      const selfMetrics = createSelfMetrics()
      const letters = createDeadLetters({ dataDir, logger: silentLogger, selfMetrics })
      letters.add(letter(1))
      await letters.flush()
      // It may be written to, but not be opened.
      await chmod(folder, 0o300)
      letters.add(letter(2))
      await expect(letters.flush()).rejects.toThrow('EACCES')
      await expect(letters.flush()).rejects.toThrow('EACCES')
      await chmod(folder, 0o700)
      await letters.flush()
      expect(await files()).toEqual(filesOf(1, 2))
      expect(await selfMetrics.render()).toMatch(/writer_dead_letters_total\{[^}]*outcome="kept"[^}]*\} 2/)
      await selfMetrics.stop()
    }))

  it('of which a crash left only half are removed at the start, and said to be', async () => {
    const folder = join(dataDir, 'dead-letter')
    const before = createDeadLetters({ dataDir, logger: silentLogger })
    before.add(letter(1, 60))
    await before.flush()
    // A crash while the second was written, and one while the third was removed.
    await writeFile(join(folder, 'logs-5ea1c0ffee00-2.otlp'), new Uint8Array(60))
    await writeFile(join(folder, 'logs-5ea1c0ffee00-2.json.new'), '{"signal":"lo')
    await writeFile(join(folder, 'logs-5ea1c0ffee00-3.otlp'), new Uint8Array(60))
    await writeFile(join(folder, 'kept-by-somebody.otlp'), '')

    const lines: string[] = []
    const logger = createLogger({ name: 'test', destination: { write: (line) => lines.push(line) } })
    const letters = createDeadLetters({ dataDir, logger, bytesMax: 100 })
    expect(await letters.usage()).toMatchObject({ count: 1, bytes: 60 })
    expect(await files()).toEqual(['kept-by-somebody.otlp', ...filesOf(1)])
    expect(lines.join('')).toContain('removed what a crash left of dead letters')
    for (const name of ['2.otlp', '2.json.new', '3.otlp'])
      expect(lines.join('')).toContain(`"logs-5ea1c0ffee00-${name}"`)
  })

  it('tell what they are, in the order in which they were queued', async () => {
    const letters = createDeadLetters({ dataDir, logger: silentLogger })
    for (const offset of [2, 1]) letters.add(letter(offset, offset))
    await letters.flush()
    const stored = await listDeadLetters(join(dataDir, 'dead-letter'))
    expect(stored.map(({ offset, reason, byteCount }) => [offset, reason, byteCount])).toEqual([
      [1, 'torn', 1],
      [2, 'torn', 2],
    ])
    const payload = await readDeadLetterPayload(join(dataDir, 'dead-letter'), stored[1]?.name ?? '')
    expect([...payload]).toEqual([2, 2])
  })

  it('keep the first when they are full, drop what comes, and say so', async () => {
    const selfMetrics = createSelfMetrics()
    const letters = createDeadLetters({ dataDir, logger: silentLogger, selfMetrics, bytesMax: 100 })
    for (const [offset, byteCount] of [
      [1, 60],
      [2, 60],
      [3, 40],
      [4, 1],
    ] as const)
      letters.add(letter(offset, byteCount))
    await letters.flush()
    expect(await files()).toEqual(filesOf(1, 3))
    expect(await letters.usage()).toMatchObject({ count: 2, bytes: 100, bytesMax: 100, droppedCount: 2 })
    const metrics = await selfMetrics.render()
    expect(metrics).toMatch(/writer_dead_letters_total\{[^}]*cause="undecodable",outcome="kept"[^}]*\} 2/)
    expect(metrics).toMatch(/writer_dead_letters_total\{[^}]*outcome="dropped"[^}]*\} 2/)
    expect(metrics).toMatch(/^aftertrace_dead_letter_bytes(\{[^}]*\})? 100$/m)
    await selfMetrics.stop()
  })

  it('have room again once some were taken away, also by another process, and after a restart', async () => {
    const open = () => createDeadLetters({ dataDir, logger: silentLogger, bytesMax: 100 })
    const letters = open()
    letters.add(letter(1, 100))
    await letters.flush()
    const [first] = await listDeadLetters(join(dataDir, 'dead-letter'))
    await removeDeadLetter(join(dataDir, 'dead-letter'), first?.name ?? '')
    letters.add(letter(2, 90))
    await letters.flush()
    const reopened = open()
    reopened.add(letter(3, 90))
    await reopened.flush()
    expect(await files()).toEqual(filesOf(2))
    expect(await reopened.usage()).toMatchObject({ count: 1, bytes: 90, droppedCount: 1 })
  })

  it('that are written again after a crash are there once', async () => {
    const letters = createDeadLetters({ dataDir, logger: silentLogger, bytesMax: 100 })
    for (let count = 0; count < 3; count++) {
      letters.add(letter(1, 80))
      await letters.flush()
    }
    expect(await files()).toEqual(filesOf(1))
    expect(await letters.usage()).toMatchObject({ count: 1, bytes: 80, droppedCount: 0 })
  })
})
