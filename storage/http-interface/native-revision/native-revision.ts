import { EngineError, engineCodes } from '../exceptions.ts'
import { type Layout, layoutOf } from './column-layout.ts'

/**
 * The Native format as a client of this revision of the native protocol reads it (`client_protocol_version`). The engine writes
 * that of revision 0, and has no way to be told another: so its columns are passed over to find where something goes between.
 */
export async function* withRevision(
  source: AsyncIterable<Uint8Array>,
  revision: number,
): AsyncGenerator<Uint8Array> {
  const reader = createReader()
  const walk = walkBlocks(reader, revision >= customSerializationRevision)
  walk.next()
  for await (const chunk of source) {
    reader.chunk = chunk
    reader.at = reader.passedFrom = 0
    walk.next()
    yield* reader.takePassed()
  }
  if (!reader.isBetweenBlocks)
    throw new EngineError(engineCodes.CANNOT_READ_ALL_DATA, 'the answer of the engine ends inside of a block')
}

/** From here on a column says before its data whether they are written in a way of its own; they never are here. */
const customSerializationRevision = 54_454
const noCustomSerialization = Uint8Array.of(0)
/** Fields by number: 1, that it is no overflow of a GROUP BY; 2, that it is of no bucket; 0, that this is all. */
const blockInfo = Uint8Array.of(1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)

/** Over the bytes of the source, a chunk at a time. `yield` in what walks along it asks for the next chunk. */
interface Reader {
  chunk: Uint8Array
  at: number
  /** Of the chunk, what was read up to here is already given out. */
  passedFrom: number
  isBetweenBlocks: boolean
  insert(bytes: Uint8Array): void
  takePassed(): Generator<Uint8Array>
}

type Walk<T = void> = Generator<undefined, T, undefined>

const createReader = (): Reader => {
  let passed: Uint8Array[] = []
  const reader: Reader = {
    chunk: new Uint8Array(),
    at: 0,
    passedFrom: 0,
    isBetweenBlocks: true,
    insert: (bytes) => {
      passed.push(reader.chunk.subarray(reader.passedFrom, reader.at), bytes)
      reader.passedFrom = reader.at
    },
    takePassed: function* () {
      passed.push(reader.chunk.subarray(reader.passedFrom))
      const all = passed
      passed = []
      for (const piece of all) if (piece.length > 0) yield piece
    },
  }
  return reader
}

function* walkBlocks(reader: Reader, hasCustomSerialization: boolean): Walk {
  for (;;) {
    while (reader.at === reader.chunk.length) yield
    reader.isBetweenBlocks = false
    reader.insert(blockInfo)
    const columnCount = yield* readVarint(reader)
    const rowCount = yield* readVarint(reader)
    for (let column = 0; column < columnCount; column++) {
      yield* skip(reader, yield* readVarint(reader))
      const type = yield* readText(reader)
      if (hasCustomSerialization) reader.insert(noCustomSerialization)
      if (rowCount === 0) continue
      const layout = layoutOf(type)
      yield* skipPrefix(reader, layout)
      yield* skipValues(reader, layout, rowCount)
    }
    reader.isBetweenBlocks = true
  }
}

function* readByte(reader: Reader): Walk<number> {
  while (reader.at === reader.chunk.length) yield
  return reader.chunk[reader.at++] as number
}

function* readVarint(reader: Reader): Walk<number> {
  let value = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = yield* readByte(reader)
    value += (byte & 127) * scale
    if (byte < 128) return value
  }
}

function* readUint64(reader: Reader): Walk<number> {
  let value = 0
  for (let place = 0; place < 8; place++) value += (yield* readByte(reader)) * 256 ** place
  return value
}

function* readText(reader: Reader): Walk<string> {
  const bytes = new Uint8Array(yield* readVarint(reader))
  for (let index = 0; index < bytes.length; index++) bytes[index] = yield* readByte(reader)
  return Buffer.from(bytes).toString()
}

function* skip(reader: Reader, byteCount: number): Walk {
  for (let left = byteCount; ;) {
    const here = Math.min(left, reader.chunk.length - reader.at)
    reader.at += here
    left -= here
    if (left === 0) return
    yield
  }
}

/** What types write once before all values of a column. */
function* skipPrefix(reader: Reader, layout: Layout): Walk {
  if (layout.kind === 'dictionary' || layout.kind === 'variant') yield* skip(reader, 8)
  if (layout.kind === 'dictionary') return
  for (const part of partsOf(layout)) yield* skipPrefix(reader, part)
}

const partsOf = (layout: Layout): readonly Layout[] => {
  if (!('of' in layout)) return []
  return 'kind' in layout.of ? [layout.of] : layout.of
}

function* skipValues(reader: Reader, layout: Layout, count: number): Walk {
  if (layout.kind === 'fixed') yield* skip(reader, layout.bytes * count)
  else if (layout.kind === 'string') yield* skipStrings(reader, count)
  else if (layout.kind === 'tuple') for (const part of layout.of) yield* skipValues(reader, part, count)
  else if (layout.kind === 'nullable') {
    yield* skip(reader, count)
    yield* skipValues(reader, layout.of, count)
  } else if (layout.kind === 'array') {
    if (count === 0) return
    yield* skip(reader, 8 * (count - 1))
    // Each row says where its elements end: the last one, how many there are.
    yield* skipValues(reader, layout.of, yield* readUint64(reader))
  } else if (layout.kind === 'dictionary') yield* skipDictionary(reader, layout.of, count)
  else yield* skipVariant(reader, layout.of, count)
}

function* skipStrings(reader: Reader, count: number): Walk {
  for (let left = count; left > 0; left--) {
    const { chunk, at } = reader
    const first = chunk[at]
    // Most strings are short and lie in one chunk.
    if (first !== undefined && first < 128 && at + 1 + first <= chunk.length) reader.at = at + 1 + first
    else yield* skip(reader, yield* readVarint(reader))
  }
}

const keyBytesMask = 0xff

function* skipDictionary(reader: Reader, of: Layout, count: number): Walk {
  // Of no values there is not even a dictionary.
  if (count === 0) return
  const flags = yield* readUint64(reader)
  yield* skipValues(reader, of, yield* readUint64(reader))
  const keyCount = yield* readUint64(reader)
  yield* skip(reader, keyCount * 2 ** (flags & keyBytesMask))
}

const nullVariant = 255

function* skipVariant(reader: Reader, of: readonly Layout[], count: number): Walk {
  const counts = of.map(() => 0)
  for (let row = 0; row < count; row++) {
    const choice = yield* readByte(reader)
    if (choice !== nullVariant) counts[choice] = (counts[choice] ?? 0) + 1
  }
  for (const [index, part] of of.entries()) yield* skipValues(reader, part, counts[index] ?? 0)
}
