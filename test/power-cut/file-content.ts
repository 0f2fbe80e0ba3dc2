/** A change of a file's bytes, at its place in the recording. */
export type FileChange = { at: number } & ({ offset: number; bytes: Buffer } | { size: number })

/** The bytes of a file, which grow and shrink. */
export interface FileContent {
  apply(change: FileChange): void
  bytes(): Buffer
  size(): number
  copy(): FileContent
}

export const createFileContent = (initial: Buffer = Buffer.alloc(0)): FileContent => {
  let held = initial
  let size = initial.length

  const makeRoom = (sizeMin: number): void => {
    if (sizeMin <= held.length) return
    const larger = Buffer.alloc(Math.max(sizeMin, held.length * 2))
    held.copy(larger, 0, 0, size)
    held = larger
  }

  return {
    apply: (change) => {
      if ('size' in change) {
        makeRoom(change.size)
        if (change.size > size) held.fill(0, size, change.size)
        size = change.size
        return
      }
      const end = change.offset + change.bytes.length
      makeRoom(end)
      if (change.offset > size) held.fill(0, size, change.offset)
      change.bytes.copy(held, change.offset)
      size = Math.max(size, end)
    },
    bytes: () => held.subarray(0, size),
    size: () => size,
    copy: () => createFileContent(Buffer.from(held.subarray(0, size))),
  }
}
