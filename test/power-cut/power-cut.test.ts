import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { openFirstLightStore } from '../harness/first-light.ts'
import { seededIntegers } from '../harness/seeded-random.ts'
import { readViewSums, rowViews } from '../harness/view-sums.ts'
import { compileMillisMax } from './compiler.ts'
import { derivedFaults, refuseGuilty } from './audit.ts'
import type { SentExport } from './load.ts'
import { type LoadOptions, loadBackend } from './loaded-backend.ts'
import { type Recorder, type Recording, buildRecorder } from './recorder.ts'
import type { Entry } from './recording.ts'
import { type SentBefore, faultsAfter, sentBefore } from './recovery.ts'
import { waysToSurvive } from './survival.ts'

const program = fileURLToPath(new URL('../../cli/aftertrace.js', import.meta.url))
/** Of each kind of moment; the long form survives each in every way. */
const cutCount = Number(process.env['POWER_CUTS'] ?? 1)
const isLong = cutCount > 1
const seed = Number(process.env['POWER_CUT_SEED'] ?? 1)
const loadExportCount = isLong ? 800 : 250
const cutMillisMax = 60_000
const recordMillisMax = 120_000
/** Kinds of moments in one test, at most. */
const momentsMax = 3
const faultsShownMax = 10
const testMillisMax = recordMillisMax * 2 + cutMillisMax * cutCount * momentsMax * waysToSurvive.length

let folder: string
let recorder: Recorder
let prepared: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aftertrace-power-cut-'))
  recorder = await buildRecorder()
  prepared = await prepareStore()
}, compileMillisMax)
afterAll(async () => {
  await recorder.remove()
  await rm(folder, { recursive: true, force: true })
})

let folderCount = 0
const newFolder = async (): Promise<string> => {
  const path = join(folder, String(folderCount++))
  await mkdir(path)
  return path
}

/** A store that has its schema, and refuses spans that are guilty. */
const prepareStore = async (): Promise<string> => {
  const dataDir = await newFolder()
  const store = await openStore({ dataDir, database: 'otel' })
  try {
    await migrate(store)
    await refuseGuilty(store)
  } finally {
    await store.close()
  }
  return dataDir
}

interface Session extends Recording {
  exports: readonly SentExport[]
  /** The number of the first entry after it was ready. */
  readyAt: number
}

/** Records the program from its start until its power is cut: what it does until it is ready, and then under load. */
const recordBackend = async (
  dataDir: string,
  options: Omit<LoadOptions, 'seed' | 'env' | 'beforeKill'>,
): Promise<Session> => {
  const running = await recorder.record(dataDir)
  const { exports, readyAtNanos } = await loadBackend(dataDir, {
    ...options,
    seed,
    env: running.env,
    beforeKill: () => running.freeze(),
  })
  const recording = await running.read()
  const readyAt = recording.entries.findIndex(({ clockNanos }) => clockNanos > readyAtNanos)
  return { ...recording, exports, readyAt }
}

/** What goes on in the engine at a moment, as far as the names of its folders tell. */
const work = { insert: 'tmp_insert_', merge: 'tmp_merge_', mutation: 'tmp_mut_' }

/** Entries between a part's beginning under a name for the meantime, and its own name. */
const during = (entries: readonly Entry[], name: string): number[] => {
  const begun = new Map<string, number>()
  const found: number[] = []
  for (const [index, entry] of entries.entries()) {
    if (entry.kind === 'made' && entry.what === 'folder' && lastStep(entry.path).startsWith(name))
      begun.set(entry.path, index)
    if (entry.kind !== 'renamed') continue
    const beganAt = begun.get(entry.from)
    if (beganAt !== undefined) for (let at = beganAt + 1; at <= index + 1; at++) found.push(at)
  }
  return found
}

const lastStep = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

interface Cut {
  cut: number
  way: (typeof waysToSurvive)[number]
  /** Of what chance decides in it. */
  seed: number
}

/** Cuts at moments out of each of these, in the order of their moments, as a recording is replayed. */
const chooseCuts = (...kinds: (readonly number[])[]): Cut[] => {
  const below = seededIntegers(seed)
  const cuts = kinds.flatMap((indexes, kind) =>
    range(0, indexes.length === 0 ? 0 : cutCount).flatMap((count) => {
      const cut = indexes[below(indexes.length)] ?? 0
      // The short form takes turns.
      const turn = (kind + count + seed) % waysToSurvive.length
      const ways = waysToSurvive.filter((_, index) => isLong || index === turn)
      return ways.map((way) => ({ cut, way, seed: below(2 ** 31) }))
    }),
  )
  return cuts.toSorted((a, b) => a.cut - b.cut)
}

/** What is broken after each cut, by its moment. */
const brokenBy = async (
  { entries, tree }: Recording,
  cuts: readonly Cut[],
  faultsIn: (dataDir: string, cut: number) => Promise<string[]>,
): Promise<Record<string, string[]>> => {
  const broken: Record<string, string[]> = {}
  for (const { cut, way, seed: cutSeed } of cuts) {
    const dataDir = await mkdtemp(join(inject('sharedFolder'), 'power-cut-'))
    tree.replayTo(cut)
    await tree.writeImage(dataDir, way.survivalOf(cutSeed))
    const faults = await faultsIn(dataDir, cut).catch((error: unknown) => [String(error)])
    if (faults.length > 0)
      broken[`cut ${cut} of ${entries.length}, ${way.name} ${cutSeed}`] = faults.slice(0, faultsShownMax)
    await rm(dataDir, { recursive: true })
  }
  return broken
}

const sentBy = ({ entries, exports }: Session, cut: number): SentBefore =>
  sentBefore(exports, entries[cut]?.clockNanos ?? Infinity)

/** Starts the program on what each cut left. */
const brokenPromises = (session: Session, cuts: readonly Cut[]): Promise<Record<string, string[]>> =>
  brokenBy(session, cuts, (dataDir, cut) => faultsAfter(dataDir, sentBy(session, cut)))

/** All of the recording was replayed; nothing that the backend did to the folder escaped it. */
const expectComplete = async ({ tree }: Recording, dataDir: string): Promise<void> => {
  tree.replayTo(Infinity)
  expect(await tree.differencesTo(dataDir)).toEqual([])
}

/** A backend that has its schema, and gets guilty spans, too. */
const recordUnderLoad = async (name: string): Promise<Session & { dataDir: string }> => {
  const dataDir = await newFolder()
  await cp(prepared, dataDir, { recursive: true, verbatimSymlinks: true })
  const session = await recordBackend(dataDir, { name, exportCount: loadExportCount, hasGuilty: true })
  return { ...session, dataDir }
}

/** What the program prints. */
const migrateToTheEnd = async (
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'migrate'], {
    cwd: dataDir,
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '16', DATA_DIR: dataDir, ...env },
  })
  return stdout
}

const noCut = (): never => {
  throw new Error('the recording has no such moment')
}

describe('a backend whose power is cut', () => {
  it(
    'while it makes its schema and takes its first exports, has what it acknowledged',
    { timeout: testMillisMax },
    async () => {
      const dataDir = await newFolder()
      const session = await recordBackend(dataDir, { name: 'first', exportCount: 40 })
      const { entries, readyAt } = session
      const cuts = chooseCuts(range(0, readyAt), range(readyAt, entries.length))
      expect(await brokenPromises(session, cuts)).toEqual({})
      await expectComplete(session, dataDir)
    },
  )

  it(
    'under load, while it inserts, merges and sets aside, has what it acknowledged',
    { timeout: testMillisMax },
    async () => {
      const { dataDir, ...session } = await recordUnderLoad('load')
      const { entries, readyAt } = session
      const cuts = chooseCuts(range(readyAt, entries.length), during(entries, work.merge))
      expect(await brokenPromises(session, cuts)).toEqual({})
      await expectComplete(session, dataDir)
    },
  )

  it(
    'and again while it recovers, has what it acknowledged before either cut',
    { timeout: testMillisMax },
    async () => {
      const first = await recordUnderLoad('once')
      // While rows are on their way into the store, so that there is something to mend.
      const [{ cut, way, seed: cutSeed } = noCut()] = chooseCuts(during(first.entries, work.insert))
      const dataDir = await newFolder()
      first.tree.replayTo(cut)
      await first.tree.writeImage(dataDir, way.survivalOf(cutSeed))
      const earlier = sentBy(first, cut)
      const second = await recordBackend(dataDir, {
        name: 'again',
        exportCount: 50,
        earlier,
      })
      const { entries, readyAt } = second
      const cuts = chooseCuts(
        range(0, readyAt),
        range(readyAt, entries.length),
        during(entries, work.mutation),
      )
      expect(await brokenPromises(second, cuts)).toEqual({})
      await expectComplete(second, dataDir)
    },
  )

  it(
    'while it moves the rows of an earlier release, has all of them',
    { timeout: testMillisMax },
    async () => {
      const dataDir = await newFolder()
      const store = await openFirstLightStore(dataDir)
      const before = await readViewSums(store, rowViews)
      await store.close()
      const running = await recorder.record(dataDir)
      await migrateToTheEnd(dataDir, running.env)
      const recording = await running.read()
      const anyMoment = range(0, recording.entries.length + 1)
      const faultsIn = async (image: string): Promise<string[]> => {
        expect(await migrateToTheEnd(image)).toMatch(/^(Applied|The schema is up to date)/)
        const migrated = await openStore({ dataDir: image, database: 'otel' })
        try {
          expect(await readViewSums(migrated, rowViews, before)).toEqual(before)
          return await derivedFaults(migrated)
        } finally {
          await migrated.close()
        }
      }
      expect(await brokenBy(recording, chooseCuts(anyMoment), faultsIn)).toEqual({})
      await expectComplete(recording, dataDir)
    },
  )
})
