import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { seededIntegers } from '../harness/seeded-random.ts'
import { loadBackend } from './loaded-backend.ts'
import { type DiskRecording, type RecordedDisk, recordDisk } from './recorded-disk.ts'
import { faultsAfter, sentBefore } from './recovery.ts'

const cutCount = Number(process.env['POWER_CUTS'] ?? 1)
const seed = Number(process.env['POWER_CUT_SEED'] ?? 1)
const exportCount = cutCount > 1 ? 400 : 60
const recordMillisMax = 120_000
const cutMillisMax = 60_000

let recorded: DiskRecording | undefined
afterEach(async () => {
  await recorded?.remove()
  recorded = undefined
})

/** Making disks takes rights that not every machine gives to its tests. */
const tryDisk = async (): Promise<string> => {
  try {
    const disk = await recordDisk()
    await (await disk.end()).remove()
    return ''
  } catch (error) {
    return (error as Error).message.trim()
  }
}
const reasonNotToRecord = await tryDisk()
if (reasonNotToRecord !== '')
  process.stderr.write(`tests of disks that lose power are skipped, none can be made: ${reasonNotToRecord}\n`)

describe.skipIf(reasonNotToRecord !== '')('a backend on a disk of its own', () => {
  it(
    'has what it acknowledged when power goes, and with it what the disk had not been told to flush',
    { timeout: recordMillisMax + cutCount * cutMillisMax },
    async () => {
      const disk = await recordDisk()
      const { exports, readyAtNanos, endedAtNanos, recording } = await recordOn(disk)
      const { entries } = recording
      const first = entries.findIndex(({ clockNanos }) => clockNanos > readyAtNanos)
      const last = entries.findLastIndex(({ clockNanos }) => clockNanos < endedAtNanos)
      const below = seededIntegers(seed)
      const broken: Record<string, string[]> = {}
      for (let count = 0; count < cutCount; count++) {
        const cut = first + below(last - first + 1)
        const cutSeed = below(2 ** 31)
        const left = await recording.mountAfter(cut, cutSeed)
        try {
          const sent = sentBefore(exports, entries[cut]?.clockNanos ?? Infinity)
          const faults = await faultsAfter(join(left.path, 'data'), sent)
          if (faults.length > 0) broken[`cut ${cut} of ${entries.length}, ${cutSeed}`] = faults.slice(0, 10)
        } finally {
          await left.unmount()
        }
      }
      expect(broken).toEqual({})
    },
  )

  const recordOn = async (disk: RecordedDisk) => {
    const dataDir = join(disk.path, 'data')
    await mkdir(dataDir)
    const loading = loadBackend(dataDir, { name: 'disk', seed, exportCount })
    await loading.catch(() => undefined)
    recorded = await disk.end()
    return { ...(await loading), recording: recorded }
  }
})
