import { describe, expect, it } from 'vitest'
import { fastestEngine } from './engine.ts'

/** What every module begins with; one may hold nothing else. */
const emptyModule = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

describe('the engine of the walk', () => {
  it('is WebAssembly where that was built', () => {
    expect(fastestEngine(emptyModule)).toMatchObject({ name: 'WebAssembly' })
    expect(fastestEngine(emptyModule)).not.toHaveProperty('reason')
  })

  it.each([
    ['it was not built', undefined, 'npm run build:walk'],
    ['it does not compile', emptyModule.subarray(0, 6), 'WebAssembly.Module()'],
  ])('is TypeScript where %s, and says why', (_name, built, reason) => {
    expect(fastestEngine(built)).toMatchObject({
      name: 'TypeScript',
      reason: expect.stringContaining(reason) as string,
    })
  })
})
