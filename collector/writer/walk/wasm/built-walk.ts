import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where the build puts the WebAssembly module. The name tells of which sources, so an older one is never taken. */
export const builtWalkFile = (): string => {
  const hash = createHash('sha256')
  const walkFolder = dirname(import.meta.dirname)
  for (const folder of [walkFolder, import.meta.dirname]) {
    const names = readdirSync(folder).filter((name) => /\.(ts|as)$/.test(name) && !name.endsWith('.test.ts'))
    for (const name of names.toSorted()) hash.update(name).update(readFileSync(join(folder, name)))
  }
  return join(import.meta.dirname, 'built', `${hash.digest('hex').slice(0, 16)}.wasm`)
}

/** Undefined where it was not built; then the walk runs as TypeScript. */
export const readBuiltWalk = (): Uint8Array<ArrayBuffer> | undefined => {
  try {
    return new Uint8Array(readFileSync(builtWalkFile()))
  } catch {
    return undefined
  }
}
