/**
 * Builds blocks in ClickHouse's Native format, column by column. The layout follows ClickHouse's documentation of the
 * Native format and its serialisation of LowCardinality, Array, Map and Nullable columns (revision 0: no block info).
 */

/** Bytes that grow; little-endian, as ClickHouse writes numbers. */
class ByteSink {
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint16(value: number): void {
    this.#reserve(2)
    this.#length = this.#bytes.writeUInt16LE(value, this.#length)
  }

  uint32(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32LE(value >>> 0, this.#length)
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeInt32LE(value, this.#length)
  }

  uint64(value: bigint): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeBigUInt64LE(value, this.#length)
  }

  int64(value: bigint): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeBigInt64LE(value, this.#length)
  }

  float64(value: number): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  varint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** A ClickHouse String: length in bytes as a varint, then the bytes. */
  text(value: string): void {
    const byteCount = Buffer.byteLength(value, 'utf8')
    this.varint(byteCount)
    this.#reserve(byteCount)
    this.#length += this.#bytes.write(value, this.#length, byteCount, 'utf8')
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length)
    this.raw(value)
  }

  /** Writes what was written since `start` so many times more. */
  repeatSince(start: number, times: number): void {
    const count = this.#length - start
    const total = count * times
    this.#reserve(total)
    // Each turn copies all that is there, so the turns are few.
    for (let done = 0; done < total;) {
      const next = Math.min(total - done, count + done)
      this.#bytes.copyWithin(this.#length, start, start + next)
      this.#length += next
      done += next
    }
  }

  /** What was written, still owned by this sink. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** A column of a block, however its rows came together. */
export interface BlockColumn {
  readonly type: string
  readonly rowCount: number
  /** What precedes the data of a whole column, nested columns included (dictionary versions). */
  prefix(): readonly Uint8Array[]
  data(): readonly Uint8Array[]
}

/** A column under construction. `T` is what one row holds. */
export interface Column<T> extends BlockColumn {
  push(value: T): void
  /** The same value in `count` rows. */
  pushTimes(value: T, count: number): void
}

type Put<T> = (sink: ByteSink, value: T) => void

class PlainColumn<T> implements Column<T> {
  readonly type: string
  rowCount = 0
  readonly #sink = new ByteSink()
  readonly #put: Put<T>

  constructor(type: string, put: Put<T>) {
    this.type = type
    this.#put = put
  }

  push(value: T): void {
    this.#put(this.#sink, value)
    this.rowCount += 1
  }

  pushTimes(value: T, count: number): void {
    if (count === 0) return
    const start = this.#sink.length
    this.#put(this.#sink, value)
    this.#sink.repeatSince(start, count - 1)
    this.rowCount += count
  }

  prefix(): Uint8Array[] {
    return []
  }

  data(): Uint8Array[] {
    return [this.#sink.view()]
  }
}

/** Version of the LowCardinality serialisation: shared dictionaries with additional keys. */
const lowCardinalityVersion = 1n
const hasAdditionalKeys = 1n << 9n
const needsUpdateDictionary = 1n << 10n

class LowCardinalityColumn implements Column<string> {
  readonly type = 'LowCardinality(String)'
  rowCount = 0
  readonly #keyByText = new Map<string, number>()
  readonly #keys = new ByteSink()
  /** Runs of rows with one key: telemetry repeats itself. */
  readonly #runKeys: number[] = []
  readonly #runRowCounts: number[] = []

  push(value: string): void {
    this.pushTimes(value, 1)
  }

  pushTimes(value: string, count: number): void {
    if (count === 0) return
    let key = this.#keyByText.get(value)
    if (key === undefined) {
      key = this.#keyByText.size
      this.#keyByText.set(value, key)
      this.#keys.text(value)
    }
    const last = this.#runKeys.length - 1
    if (this.#runKeys[last] === key) this.#runRowCounts[last] = (this.#runRowCounts[last] ?? 0) + count
    else {
      this.#runKeys.push(key)
      this.#runRowCounts.push(count)
    }
    this.rowCount += count
  }

  prefix(): Uint8Array[] {
    return [lowCardinality.prefix]
  }

  data(): Uint8Array[] {
    const keyCount = this.#keyByText.size
    const indexes = lowCardinality.indexes(keyCount, this.rowCount)
    let row = 0
    for (const [run, key] of this.#runKeys.entries()) {
      const end = row + (this.#runRowCounts[run] ?? 0)
      indexes.fill(key, row, end)
      row = end
    }
    return lowCardinality.data(keyCount, [this.#keys.view()], indexes)
  }
}

type KeyIndexes = Uint8Array | Uint16Array | Uint32Array

const uint64Bytes = (value: bigint): Uint8Array => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** How a LowCardinality column lies in a block: its dictionary, and for each row the key of its text. */
export const lowCardinality = {
  prefix: uint64Bytes(lowCardinalityVersion),
  /** As narrow as the keys allow. */
  indexes: (keyCount: number, rowCount: number): KeyIndexes =>
    keyCount <= 0x100
      ? new Uint8Array(rowCount)
      : keyCount <= 0x10000
        ? new Uint16Array(rowCount)
        : new Uint32Array(rowCount),
  /** `keys` are Strings, in the order of their keys. A column without rows has no data. */
  data: (keyCount: number, keys: readonly Uint8Array[], indexes: KeyIndexes): Uint8Array[] => {
    if (indexes.length === 0) return []
    const widthCode = Math.log2(indexes.BYTES_PER_ELEMENT)
    return [
      uint64Bytes(BigInt(widthCode) | hasAdditionalKeys | needsUpdateDictionary),
      uint64Bytes(BigInt(keyCount)),
      ...keys,
      uint64Bytes(BigInt(indexes.length)),
      new Uint8Array(indexes.buffer, indexes.byteOffset, indexes.byteLength),
    ]
  },
}

class ArrayColumn<T> implements Column<readonly T[]> {
  readonly type: string
  rowCount = 0
  readonly #offsets = new ByteSink()
  readonly #items: Column<T>

  constructor(items: Column<T>) {
    this.type = `Array(${items.type})`
    this.#items = items
  }

  push(values: readonly T[]): void {
    for (const value of values) this.#items.push(value)
    this.#offsets.uint64(BigInt(this.#items.rowCount))
    this.rowCount += 1
  }

  pushTimes(values: readonly T[], count: number): void {
    for (let row = 0; row < count; row++) this.push(values)
  }

  prefix(): readonly Uint8Array[] {
    return this.#items.prefix()
  }

  data(): Uint8Array[] {
    return [this.#offsets.view(), ...this.#items.data()]
  }
}

/** Map(LowCardinality(String), String): entries keep their order, and equal keys stay side by side. */
export type TextMap = readonly (readonly [key: string, value: string])[]

class MapColumn implements Column<TextMap> {
  readonly type = 'Map(LowCardinality(String), String)'
  rowCount = 0
  readonly #offsets = new ByteSink()
  readonly #keys = new LowCardinalityColumn()
  readonly #values = column.text()

  push(entries: TextMap): void {
    for (const [key, value] of entries) {
      this.#keys.push(key)
      this.#values.push(value)
    }
    this.#offsets.uint64(BigInt(this.#keys.rowCount))
    this.rowCount += 1
  }

  pushTimes(entries: TextMap, count: number): void {
    if (entries.length > 0 || count === 0) for (let row = 0; row < count; row++) this.push(entries)
    else {
      const start = this.#offsets.length
      this.push(entries)
      this.#offsets.repeatSince(start, count - 1)
      this.rowCount += count - 1
    }
  }

  prefix(): readonly Uint8Array[] {
    return this.#keys.prefix()
  }

  data(): Uint8Array[] {
    return [this.#offsets.view(), ...this.#keys.data(), ...this.#values.data()]
  }
}

class NullableColumn<T> implements Column<T | undefined> {
  readonly type: string
  readonly #nulls = new ByteSink()
  readonly #values: Column<T>
  readonly #absent: T

  constructor(values: Column<T>, absent: T) {
    this.type = `Nullable(${values.type})`
    this.#values = values
    this.#absent = absent
  }

  get rowCount(): number {
    return this.#values.rowCount
  }

  push(value: T | undefined): void {
    this.#nulls.uint8(value === undefined ? 1 : 0)
    this.#values.push(value ?? this.#absent)
  }

  pushTimes(value: T | undefined, count: number): void {
    for (let row = 0; row < count; row++) this.push(value)
  }

  prefix(): readonly Uint8Array[] {
    return this.#values.prefix()
  }

  data(): Uint8Array[] {
    return [this.#nulls.view(), ...this.#values.data()]
  }
}

/** What is not checked would be cut to the low bits, and stored as another number. */
const checkInteger = (value: number, min: number, max: number, type: string): number => {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${value} does not fit ${type}`)
  return value
}
const uint8Max = 0xff
const uint32Max = 0xffff_ffff
const int32Min = -0x8000_0000
const int32Max = 0x7fff_ffff

/** The column types that the physical tables use. Values out of a type's range throw RangeError. */
export const column = {
  uint8: (): Column<number> =>
    new PlainColumn<number>('UInt8', (sink, value) => sink.uint8(checkInteger(value, 0, uint8Max, 'UInt8'))),
  uint32: (): Column<number> =>
    new PlainColumn<number>('UInt32', (sink, value) =>
      sink.uint32(checkInteger(value, 0, uint32Max, 'UInt32')),
    ),
  int32: (): Column<number> =>
    new PlainColumn<number>('Int32', (sink, value) =>
      sink.int32(checkInteger(value, int32Min, int32Max, 'Int32')),
    ),
  uint64: (): Column<bigint> => new PlainColumn<bigint>('UInt64', (sink, value) => sink.uint64(value)),
  int64: (): Column<bigint> => new PlainColumn<bigint>('Int64', (sink, value) => sink.int64(value)),
  float64: (): Column<number> => new PlainColumn<number>('Float64', (sink, value) => sink.float64(value)),
  bool: (): Column<boolean> => new PlainColumn<boolean>('Bool', (sink, value) => sink.uint8(value ? 1 : 0)),
  /** Nanoseconds since the epoch. */
  dateTimeNanos: (): Column<bigint> =>
    new PlainColumn<bigint>("DateTime64(9, 'UTC')", (sink, value) => sink.int64(value)),
  /** Milliseconds since the epoch. */
  dateTimeMillis: (): Column<number> =>
    new PlainColumn<number>("DateTime64(3, 'UTC')", (sink, value) => sink.int64(BigInt(value))),
  /** Seconds since the epoch. */
  dateTimeSeconds: (): Column<number> =>
    new PlainColumn<number>("DateTime('UTC')", (sink, value) =>
      sink.uint32(checkInteger(value, 0, uint32Max, 'DateTime')),
    ),
  /** Exactly `length` bytes. */
  fixed: (length: number): Column<Uint8Array> =>
    new PlainColumn<Uint8Array>(`FixedString(${length})`, (sink, value) => {
      if (value.length !== length)
        throw new RangeError(`${value.length} bytes do not fit FixedString(${length})`)
      sink.raw(value)
    }),
  text: (): Column<string> => new PlainColumn<string>('String', (sink, value) => sink.text(value)),
  bytes: (): Column<Uint8Array> => new PlainColumn<Uint8Array>('String', (sink, value) => sink.bytes(value)),
  lowCardinality: (): Column<string> => new LowCardinalityColumn(),
  textMap: (): Column<TextMap> => new MapColumn(),
  array: <T>(items: Column<T>): Column<readonly T[]> => new ArrayColumn(items),
  nullableFloat64: (): Column<number | undefined> => new NullableColumn(column.float64(), 0),
}

/** A LowCardinality column of `rowCount` equal values. */
export const constantColumn = (value: string, rowCount: number): Column<string> => {
  const values = column.lowCardinality()
  values.pushTimes(value, rowCount)
  return values
}

/** The columns of one block, by name, in the order of insertion. */
export type Columns = Readonly<Record<string, BlockColumn>>

/** One Native block with all rows pushed so far. @throws Error when the columns have different numbers of rows. */
export const encodeBlock = (columns: Columns): Buffer => Buffer.concat(blockParts(columns))

/** The same in parts, without copying what the columns hold. */
export const blockParts = (columns: Columns): Uint8Array[] => {
  const entries = Object.entries(columns)
  const rowCount = entries[0]?.[1].rowCount ?? 0
  const head = new ByteSink()
  head.varint(entries.length)
  head.varint(rowCount)
  const parts: Uint8Array[] = [head.view()]
  for (const [name, values] of entries) {
    if (values.rowCount !== rowCount)
      throw new Error(`column ${name} has ${values.rowCount} rows, the block has ${rowCount}`)
    const heading = new ByteSink()
    heading.text(name)
    heading.text(values.type)
    parts.push(heading.view(), ...values.prefix())
    for (const part of values.data()) parts.push(part)
  }
  return parts
}
