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

  /** What was written, still owned by this sink. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** A column under construction. `T` is what one row holds. */
export interface Column<T> {
  readonly type: string
  readonly rowCount: number
  push(value: T): void
  /** What precedes the data of a whole column, nested columns included (dictionary versions). */
  writePrefix(sink: ByteSink): void
  writeData(sink: ByteSink): void
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

  writePrefix(): void {}

  writeData(sink: ByteSink): void {
    sink.raw(this.#sink.view())
  }
}

/** Version of the LowCardinality serialisation: shared dictionaries with additional keys. */
const lowCardinalityVersion = 1n
const hasAdditionalKeys = 1n << 9n
const needsUpdateDictionary = 1n << 10n

class LowCardinalityColumn implements Column<string> {
  readonly type = 'LowCardinality(String)'
  readonly #keyByText = new Map<string, number>()
  readonly #keys = new ByteSink()
  readonly #indexes: number[] = []

  get rowCount(): number {
    return this.#indexes.length
  }

  push(value: string): void {
    let key = this.#keyByText.get(value)
    if (key === undefined) {
      key = this.#keyByText.size
      this.#keyByText.set(value, key)
      this.#keys.text(value)
    }
    this.#indexes.push(key)
  }

  writePrefix(sink: ByteSink): void {
    sink.uint64(lowCardinalityVersion)
  }

  writeData(sink: ByteSink): void {
    if (this.#indexes.length === 0) return
    const keyCount = this.#keyByText.size
    const width = keyCount <= 0x100 ? 0 : keyCount <= 0x10000 ? 1 : 2
    sink.uint64(BigInt(width) | hasAdditionalKeys | needsUpdateDictionary)
    sink.uint64(BigInt(keyCount))
    sink.raw(this.#keys.view())
    sink.uint64(BigInt(this.#indexes.length))
    for (const index of this.#indexes) {
      if (width === 0) sink.uint8(index)
      else if (width === 1) sink.uint16(index)
      else sink.uint32(index)
    }
  }
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

  writePrefix(sink: ByteSink): void {
    this.#items.writePrefix(sink)
  }

  writeData(sink: ByteSink): void {
    sink.raw(this.#offsets.view())
    this.#items.writeData(sink)
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

  writePrefix(sink: ByteSink): void {
    this.#keys.writePrefix(sink)
    this.#values.writePrefix(sink)
  }

  writeData(sink: ByteSink): void {
    sink.raw(this.#offsets.view())
    this.#keys.writeData(sink)
    this.#values.writeData(sink)
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

  writePrefix(sink: ByteSink): void {
    this.#values.writePrefix(sink)
  }

  writeData(sink: ByteSink): void {
    sink.raw(this.#nulls.view())
    this.#values.writeData(sink)
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
  for (let row = 0; row < rowCount; row++) values.push(value)
  return values
}

/** The columns of one block, by name, in the order of insertion. */
export type Columns = Readonly<Record<string, Column<never>>>

/** One Native block with all rows pushed so far. @throws Error when the columns have different numbers of rows. */
export const encodeBlock = (columns: Columns): Buffer => {
  const entries = Object.entries(columns)
  const rowCount = entries[0]?.[1].rowCount ?? 0
  const sink = new ByteSink()
  sink.varint(entries.length)
  sink.varint(rowCount)
  for (const [name, values] of entries) {
    if (values.rowCount !== rowCount)
      throw new Error(`column ${name} has ${values.rowCount} rows, the block has ${rowCount}`)
    sink.text(name)
    sink.text(values.type)
    values.writePrefix(sink)
    values.writeData(sink)
  }
  return sink.view()
}
