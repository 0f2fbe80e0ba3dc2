import { spawn } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openLocalLog } from '#collector/queue/local-log.ts'
import { silentLogger } from '#runtime/logger.ts'
import { eventually } from '../harness/eventually.ts'
import { seededIntegers } from '../harness/seeded-random.ts'
import type { QueuePromise, StoredRange } from './queue-process.ts'
import { compileMillisMax } from './compiler.ts'
import { type Recorder, type Recording, type RunningRecording, buildRecorder } from './recorder.ts'
import { waysToSurvive } from './survival.ts'

const cutCount = 15 * Number(process.env['POWER_CUTS'] ?? 1)
const seed = Number(process.env['POWER_CUT_SEED'] ?? 1)
const program = fileURLToPath(new URL('queue-process.ts', import.meta.url))
const runMillisMax = 30_000

let folder: string
let images: string
let recorder: Recorder
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aftertrace-power-cut-queue-'))
  images = await mkdtemp(join(inject('sharedFolder'), 'power-cut-queue-'))
  recorder = await buildRecorder()
}, compileMillisMax)
afterAll(async () => {
  await rm(images, { recursive: true, force: true })
  await recorder.remove()
  await rm(folder, { recursive: true, force: true })
})

/** Everything that the queue promised while it was recorded. */
interface Promises {
  acknowledged: QueuePromise[]
  stored: StoredRange[]
}

interface Session extends Promises {
  recording: Recording
}

/** Runs the queue until so much was acknowledged, and kills it in the midst of what it does; more than once, if asked. */
const recordSession = async (
  name: string,
  runs: readonly { firstExport: number; acknowledge: number }[],
  { isWithoutSync = false } = {},
): Promise<Session> => {
  const dataDir = join(folder, name)
  const storeFile = join(folder, `${name}.store`)
  await mkdir(dataDir)
  await appendFile(storeFile, '')
  const synced = await recorder.record(dataDir)
  const running = isWithoutSync ? { ...synced, env: { ...synced.env, ...recorder.withoutSync } } : synced
  const acknowledged: QueuePromise[] = []
  for (const { firstExport, acknowledge } of runs) {
    await running.thaw()
    const args = [dataDir, storeFile, String(firstExport)]
    acknowledged.push(...(await runUntil(running, args, acknowledge)))
  }
  const recording = await running.read()
  const lines = (await readFile(storeFile, 'utf8')).split('\n').filter((line) => line !== '')
  return { recording, acknowledged, stored: lines.map((line) => JSON.parse(line) as StoredRange) }
}

const runUntil = async (
  running: RunningRecording,
  args: string[],
  acknowledge: number,
): Promise<QueuePromise[]> => {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], ...running.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('close', resolve))
  const promises: QueuePromise[] = []
  createInterface({ input: child.stdout }).on('line', (line) =>
    promises.push(JSON.parse(line) as QueuePromise),
  )
  try {
    await eventually(() => expect(promises.length).toBeGreaterThan(acknowledge), runMillisMax)
    await running.freeze()
  } finally {
    child.kill('SIGKILL')
    await exited
  }
  return promises
}

/** What of the promises that were made before the cut does not hold in what the cut left. */
const brokenPromises = async (image: string, { acknowledged, stored }: Promises): Promise<string[]> => {
  const queue = await openLocalLog({ dataDir: image, logger: silentLogger })
  const partition = queue.partition('traces')
  const { next, intent } = partition.position()
  const held = new Set<number>()
  const queued =
    partition.lag().recordsBehind > 0
      ? await partition.readRange(next, next + partition.lag().recordsBehind - 1)
      : []
  for (const { payload } of queued) held.add(Number.parseInt(Buffer.from(payload).toString(), 10))
  const broken: string[] = []
  // Under another name the range would be looked for in vain, and written again.
  const known = stored.filter(({ identity }) => identity === partition.identity)
  if (known.length < stored.length) broken.push(`the log is called ${partition.identity} now`)
  for (const { first, last, exportNumbers } of known) {
    const isToBeFinished = intent?.first === first && intent.last === last
    if (last >= next && !isToBeFinished) broken.push(`range ${first}-${last} is stored and would be again`)
    else for (const exportNumber of exportNumbers) held.add(exportNumber)
  }
  for (const { exportNumber } of acknowledged)
    if (!held.has(exportNumber)) broken.push(`export ${exportNumber} is lost`)
  await queue.close()
  return broken
}

/** Cuts at moments all over the recording, each survived in every way. */
const brokenByCuts = async (
  { recording, ...promises }: Session,
  count: number,
): Promise<{ cut: number; survived: string; promises: string[] }[]> => {
  const { entries, tree } = recording
  const below = seededIntegers(seed)
  const cuts = Array.from({ length: count }, () => below(entries.length + 1)).toSorted((a, b) => a - b)
  const broken: Awaited<ReturnType<typeof brokenByCuts>> = []
  for (const [index, cut] of cuts.entries()) {
    tree.replayTo(cut)
    const cutNanos = entries[cut]?.clockNanos ?? Infinity
    const isMade = ({ atNanos }: { atNanos: number }): boolean => atNanos < cutNanos
    for (const { name, survivalOf } of waysToSurvive) {
      const image = join(images, `${cut}-${name}`)
      await tree.writeImage(image, survivalOf(seed * 1000 + index))
      const made = {
        acknowledged: promises.acknowledged.filter(isMade),
        stored: promises.stored.filter(isMade),
      }
      const found = await brokenPromises(image, made).catch((error: unknown) => [String(error)])
      if (found.length > 0) broken.push({ cut, survived: name, promises: found.slice(0, 5) })
      await rm(image, { recursive: true })
    }
  }
  return broken
}

describe('a queue whose power is cut', () => {
  it('has what it acknowledged, and knows what is stored, while segments begin and are removed', async () => {
    const session = await recordSession('plain', [{ firstExport: 0, acknowledge: 150 }])
    const made = session.recording.entries.filter(
      (entry) => entry.kind === 'made' && entry.path.endsWith('.log'),
    )
    const removed = session.recording.entries.filter(
      (entry) => entry.kind === 'removed' && entry.path.endsWith('.log'),
    )
    expect(made.length).toBeGreaterThan(10)
    expect(removed.length).toBeGreaterThan(5)
    expect(await brokenByCuts(session, cutCount)).toEqual([])
  }, 60_000)

  it('has what it took for an export sent again, though the process that wrote it was killed before', async () => {
    const runs = Array.from({ length: 5 }, (_, index) => ({ firstExport: index * 25, acknowledge: 30 }))
    expect(await brokenByCuts(await recordSession('killed', runs), cutCount)).toEqual([])
  }, 60_000)

  it('would be seen to lose what it acknowledged in every way, if it synced nothing', async () => {
    const runs = [{ firstExport: 0, acknowledge: 50 }]
    const broken = await brokenByCuts(await recordSession('unsynced', runs, { isWithoutSync: true }), 10)
    expect(new Set(broken.map(({ survived }) => survived))).toEqual(
      new Set(waysToSurvive.map(({ name }) => name)),
    )
  }, 60_000)
})
