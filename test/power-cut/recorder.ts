import { execFile } from 'node:child_process'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventually } from '../harness/eventually.ts'
import { findCompiler } from './compiler.ts'
import { type RecordedTree, loadTree, replayOn } from './recorded-tree.ts'
import { type Entry, readRecording } from './recording.ts'

const run = promisify(execFile)
const source = fileURLToPath(new URL('record-writes.c', import.meta.url))
const frozenMillisMax = 10_000

/** The library that is preloaded into a process to record what it writes. */
export interface Recorder {
  /** For the process that is to be recorded, whose changes of `folder` begin a recording. */
  record(folder: string): Promise<RunningRecording>
  /** For a process whose syncs are to cost nothing. */
  withoutSync: Readonly<Record<string, string>>
  /** Of its own, until it is removed. */
  folder: string
  remove(): Promise<void>
}

export interface RunningRecording {
  env: Readonly<Record<string, string>>
  /** Resolves once the process changes nothing any more: whatever it was about to change it never will, and is to be killed. */
  freeze(): Promise<void>
  /** For a process that goes on in the place of one that was killed. */
  thaw(): Promise<void>
  /** What was recorded until it was frozen. */
  read(): Promise<Recording>
}

export interface Recording {
  entries: readonly Entry[]
  tree: RecordedTree
}

/** @throws Error that says what to install where there is no C compiler. */
export const buildRecorder = async (): Promise<Recorder> => {
  const compiler = await findCompiler()
  const folder = await mkdtemp(join(tmpdir(), 'aftertrace-recorder-'))
  const library = join(folder, 'record-writes.so')
  await run(compiler, [
    '-std=gnu11',
    '-O2',
    '-Wall',
    '-Werror',
    '-fPIC',
    '-shared',
    '-o',
    library,
    source,
    '-ldl',
    '-lpthread',
  ])
  let count = 0
  return {
    folder,
    record: async (recorded) => {
      const name = join(folder, String(count++))
      return startRecording(recorded, { library, log: `${name}.log`, control: `${name}.control` })
    },
    withoutSync: { LD_PRELOAD: library, WITHOUT_SYNC: '1' },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

const startRecording = async (
  folder: string,
  files: { library: string; log: string; control: string },
): Promise<RunningRecording> => {
  await writeFile(files.log, '')
  await writeFile(files.control, Buffer.alloc(8))
  const before = await loadTree(folder)
  return {
    env: {
      LD_PRELOAD: files.library,
      RECORD_ROOT: folder,
      RECORD_LOG: files.log,
      RECORD_CONTROL: files.control,
    },
    freeze: async () => {
      await setFrozen(files.control, 1)
      await untilIdle(files.control)
    },
    thaw: () => setFrozen(files.control, 0),
    read: async () => {
      const entries = await readRecording(files.log)
      await rm(files.log)
      return { entries, tree: replayOn(before, entries) }
    },
  }
}

/** The first word of RECORD_CONTROL. */
const setFrozen = async (control: string, word: number): Promise<void> => {
  const file = await open(control, 'r+')
  await file.write(Uint32Array.of(word), 0, 4, 0)
  await file.close()
}

/** The second word: who is changing something. */
const untilIdle = (control: string): Promise<void> =>
  eventually(async () => {
    if ((await readFile(control)).readUInt32LE(4) !== 0) throw new Error('the recorded process does not stop')
  }, frozenMillisMax)
