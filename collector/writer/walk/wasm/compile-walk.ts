import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createMemoryStream, main } from 'assemblyscript/asc'
import { builtWalkFile } from './built-walk.ts'

const walkFolder = dirname(import.meta.dirname)
/** Modules of the walk that are another in WebAssembly. */
const replacements: Readonly<Record<string, string>> = {
  'memory.ts': 'wasm/memory.as',
  'host.ts': 'wasm/host.as',
}
const options = [
  '-O3',
  '--runtime',
  'stub',
  '--noAssert',
  '--enable',
  'simd',
  '--debug',
  '--initialMemory',
  '256',
]

/** The walk as a WebAssembly module. @throws Error with what the compiler says */
export const compileWalk = async (): Promise<Uint8Array<ArrayBuffer>> => {
  let compiled: Uint8Array | string | undefined
  const stderr = createMemoryStream()
  const { error } = await main(['walk.ts', '--outFile', 'walk.wasm', ...options], {
    readFile: (name) =>
      readFile(join(walkFolder, replacements[name] ?? name), 'utf8').then(withoutExtensions, () => null),
    writeFile: (_name, contents) => {
      compiled = contents
    },
    listFiles: () => [],
    stderr,
  })
  if (error !== null || !(compiled instanceof Uint8Array))
    throw new Error(`cannot compile the walk: ${stderr.toString()}`)
  return new Uint8Array(compiled)
}

/** AssemblyScript adds the extension by itself. */
const withoutExtensions = (source: string): string =>
  source.replaceAll(/ from '(\.\/[a-z-]+)\.ts'/g, " from '$1'")

if (import.meta.main) {
  const file = builtWalkFile()
  await rm(dirname(file), { recursive: true, force: true })
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, await compileWalk())
}
