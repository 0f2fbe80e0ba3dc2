import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileMillisMax } from './compiler.ts'
import { type Recorder, type Recording, buildRecorder } from './recorder.ts'
import { waysToSurvive } from './survival.ts'

const run = promisify(execFile)

let folder: string
let recorder: Recorder
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aftertrace-recorded-tree-'))
  recorder = await buildRecorder()
}, compileMillisMax)
afterAll(async () => {
  await recorder.remove()
  await rm(folder, { recursive: true, force: true })
})

let count = 0

/** What a program did in a folder with a file `old` in it. */
const recorded = async (
  program: string,
  { entriesLeftOff = 0 } = {},
): Promise<Recording & { dataDir: string }> => {
  const dataDir = join(folder, `data-${count++}`)
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'old'), 'old bytes')
  const running = await recorder.record(dataDir)
  const text = `const fs = require('node:fs'); const sync = (path) => { const file = fs.openSync(path, 'r'); fs.fsyncSync(file); fs.closeSync(file) }; ${program}`
  await run(process.execPath, ['-e', text], { cwd: dataDir, env: running.env })
  const recording = await running.read()
  recording.tree.replayTo(recording.entries.length - entriesLeftOff)
  return { ...recording, dataDir }
}

/** Files and their bytes, as a loss of power leaves them. */
const leftOf = async ({ tree }: Recording, name: string, seed = 1): Promise<Record<string, string>> => {
  const image = join(folder, `image-${count++}`)
  const way = waysToSurvive.find((each) => each.name === name)
  if (way === undefined) throw new Error(`nothing is survived in the way '${name}'`)
  await tree.writeImage(image, way.survivalOf(seed))
  const left: Record<string, string> = {}
  for (const item of await readdir(image, { recursive: true, withFileTypes: true })) {
    const path = join(item.parentPath, item.name)
    if (item.isFile()) left[path.slice(image.length + 1)] = await readFile(path, 'latin1')
  }
  await rm(image, { recursive: true })
  return left
}

const leftOfSeeds = async (recording: Recording, name: string): Promise<Record<string, string>[]> => {
  const all: Record<string, string>[] = []
  for (let seed = 1; seed <= 60; seed++) all.push(await leftOf(recording, name, seed))
  return all
}

describe('a recording', () => {
  it('makes of the folder what the program made of it, whatever calls that took', async () => {
    const { dataDir, tree } = await recorded(`
      fs.mkdirSync('a/b/c', { recursive: true })
      fs.writeFileSync('a/b/file', 'x'.repeat(10000))
      fs.appendFileSync('a/b/file', 'more')
      const file = fs.openSync('a/b/file', 'r+')
      fs.writeSync(file, 'inside', 5000)
      fs.writevSync(file, [Buffer.from('some'), Buffer.from('pieces')], 7000)
      fs.ftruncateSync(file, 9000)
      fs.truncateSync('old', 3)
      fs.copyFileSync('a/b/file', 'a/copy')
      fs.linkSync('a/copy', 'a/linked')
      fs.symlinkSync('../old', 'a/symbolic')
      fs.renameSync('a/b', 'a/moved')
      fs.renameSync('a/linked', 'old')
      fs.writeFileSync('gone', 'x'); fs.unlinkSync('gone')
      fs.mkdirSync('gone'); fs.rmdirSync('gone')
      process.chdir('a'); fs.writeFileSync('../a/./relative', 'r')
    `)
    expect(await tree.differencesTo(dataDir)).toEqual([])
  })

  it('tells what it has not seen', async () => {
    const { dataDir, tree } = await recorded(`fs.writeFileSync('seen', 'x')`)
    await writeFile(join(dataDir, 'unseen'), 'x')
    await writeFile(join(dataDir, 'old'), 'other bytes')
    await rm(join(dataDir, 'seen'))
    expect((await tree.differencesTo(dataDir)).toSorted()).toEqual([
      '/old holds other bytes',
      '/seen was not seen to be removed',
      '/unseen was not seen to be made',
    ])
  })
})

describe('a loss of power', () => {
  it('that leaves only what was synced takes bytes without a sync of the file, and names without one of the folder', async () => {
    const recording = await recorded(`
      fs.mkdirSync('folder')
      fs.writeFileSync('synced', 'bytes'); sync('synced')
      sync('.')
      fs.writeFileSync('folder/unsynced-name', 'bytes'); sync('folder/unsynced-name')
      fs.writeFileSync('late', 'bytes')
      fs.appendFileSync('synced', ' and more')
      fs.unlinkSync('old')
    `)
    expect(await leftOf(recording, 'strict')).toEqual({ synced: 'bytes', old: 'old bytes' })
  })

  it('leaves a renamed file under one of its names', async () => {
    const recording = await recorded(`fs.renameSync('old', 'new')`)
    for (const { name } of waysToSurvive)
      for (const left of await leftOfSeeds(recording, name))
        expect(Object.values(left)).toEqual(['old bytes'])
    expect(await leftOf(recording, 'strict')).toEqual({ old: 'old bytes' })
    expect(await leftOfSeeds(recording, 'adversarial')).toContainEqual({ new: 'old bytes' })
  })

  it('leaves names in the order in which they came where there is a journal, and in any order where there is none', async () => {
    const recording = await recorded(`
      for (const name of ['1', '2', '3']) fs.writeFileSync(name, '')
      sync('2')
    `)
    const sets = async (name: string) =>
      new Set((await leftOfSeeds(recording, name)).map((left) => Object.keys(left).toSorted().join('')))
    // The sync of a file commits its name, and with it all that came before.
    expect(await sets('journaled')).toEqual(new Set(['12old', '123old']))
    expect(await sets('adversarial')).toEqual(
      new Set(['old', '1old', '2old', '3old', '12old', '13old', '23old', '123old']),
    )
  })

  it('leaves a file of its new length with its new bytes, its old ones, zeroes, or some of each', async () => {
    const recording = await recorded(`
      fs.writeFileSync('log', 'a'.repeat(4096)); sync('log'); sync('.')
      fs.appendFileSync('log', 'b'.repeat(4096))
    `)
    const lefts = (await leftOfSeeds(recording, 'adversarial')).map(({ log = '' }) => log)
    expect(new Set(lefts.map((log) => log.slice(0, 4096)))).toEqual(new Set(['a'.repeat(4096)]))
    const tails = new Set(lefts.map((log) => log.slice(4096)))
    expect(tails).toContain('')
    expect(tails).toContain('\0'.repeat(4096))
    expect(tails).toContain('b'.repeat(4096))
    expect([...tails].some((tail) => tail.length > 0 && tail.length < 4096)).toBe(true)
  })

  it('that comes while a sync is under way takes what the sync was to cover', async () => {
    const program = `fs.appendFileSync('old', ' and new'); sync('old')`
    expect(await leftOf(await recorded(program), 'strict')).toEqual({ old: 'old bytes and new' })
    const cutShort = await recorded(program, { entriesLeftOff: 1 })
    expect(cutShort.entries.at(-1)?.kind).toBe('syncEnded')
    expect(await leftOf(cutShort, 'strict')).toEqual({ old: 'old bytes' })
  })
})
