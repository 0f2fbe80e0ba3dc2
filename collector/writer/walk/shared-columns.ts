import { type BlockColumn, type Column, column, lowCardinality } from '#storage/native-block.ts'
import type { QueuedRecord } from '../../queue/queue.ts'
import type { Origins, ResourceOrigin, ScopeOrigin } from './origins.ts'

/** The columns that all rows of a run (blocks.ts) have the same value in; those of them that a table has. */
const ofRecord: Readonly<Record<string, (record: QueuedRecord) => unknown>> = {
  ingested_at: ({ queuedAtMillis }) => queuedAtMillis,
}
const ofResource: Readonly<Record<string, (origin: ResourceOrigin) => unknown>> = {
  tenant: ({ row }) => row.tenant,
  resource_id: ({ row }) => row.resource_id,
  service_name: ({ service }) => service.name,
  service_namespace: ({ service }) => service.namespace,
  environment: ({ service }) => service.environment,
  service_version: ({ service }) => service.version,
}
const ofScope: Readonly<Record<string, (origin: ScopeOrigin) => unknown>> = {
  scope_name: (scope) => scope.scope_name,
  scope_version: (scope) => scope.scope_version,
  scope_attributes: (scope) => scope.scope_attributes,
  scope_attribute_types: (scope) => scope.scope_attribute_types,
  scope_dropped_attributes_count: (scope) => scope.scope_dropped_attributes_count,
  scope_schema_url: (scope) => scope.scope_schema_url,
}

/** Where the words of a run are. */
const runWords = 4
const recordWord = 1
const resourceWord = 2
const scopeWord = 3

/** The columns of one block that its rows share. Names and types are those of physical-tables.ts. */
export const createSharedColumns = (
  runs: Int32Array,
  records: readonly QueuedRecord[],
  { resources, scopes }: Origins,
) => {
  const byRecord = new Stretches(runs, recordWord, records)
  const byResource = new Stretches(runs, resourceWord, resources)
  const byScope = new Stretches(runs, scopeWord, scopes)
  return {
    /** `empty` is returned with its rows, or another column in its place. */
    filled: (name: string, empty: Column<never>): BlockColumn => {
      const [record, resource, scope] = [ofRecord[name], ofResource[name], ofScope[name]]
      if (record !== undefined) return byRecord.filled(empty, record)
      if (resource !== undefined) return byResource.filled(empty, resource)
      if (scope !== undefined) return byScope.filled(empty, scope)
      throw new Error(`nothing fills the column ${name}`)
    },
  }
}

/** Rows that follow each other and have the same origin: a record, a resource or a scope. */
class Stretches<Origin> {
  /** Each origin once, and which of them each stretch has. */
  readonly #origins: Origin[] = []
  readonly #indexes: number[] = []
  /** Where each stretch ends. */
  readonly #ends: number[] = []

  constructor(runs: Int32Array, word: number, origins: readonly Origin[]) {
    const indexByNumber = new Map<number, number>()
    let end = 0
    for (let run = 0; run < runs.length; run += runWords) {
      end += runs[run] ?? 0
      const number = runs[run + word] ?? 0
      if (number === runs[run + runWords + word]) continue
      let index = indexByNumber.get(number)
      if (index === undefined) {
        indexByNumber.set(number, (index = this.#origins.length))
        this.#origins.push(origins[number] as Origin)
      }
      this.#indexes.push(index)
      this.#ends.push(end)
    }
  }

  filled(empty: Column<never>, valueOf: (origin: Origin) => unknown): BlockColumn {
    const values = this.#origins.map((origin) => valueOf(origin))
    if (empty.type === 'LowCardinality(String)') return this.#texts(values as string[])
    let begin = 0
    for (let stretch = 0; stretch < this.#ends.length; stretch++) {
      const value = values[this.#indexes[stretch] ?? 0]
      if (stretch + 1 < this.#ends.length && values[this.#indexes[stretch + 1] ?? 0] === value) continue
      const end = this.#ends[stretch] ?? 0
      empty.pushTimes(value as never, end - begin)
      begin = end
    }
    return empty
  }

  /** A text is looked for once for each origin, of which there are fewer than stretches. */
  #texts(values: readonly string[]): BlockColumn {
    const keyByText = new Map<string, number>()
    const texts = column.text()
    const keys = values.map((value) => {
      let key = keyByText.get(value)
      if (key === undefined) {
        keyByText.set(value, (key = keyByText.size))
        texts.push(value)
      }
      return key
    })
    const rowCount = this.#ends.at(-1) ?? 0
    const rowKeys = lowCardinality.indexes(keyByText.size, rowCount)
    // Where there is one text, its key stands in every row already.
    if (keyByText.size > 1) {
      let begin = 0
      for (let stretch = 0; stretch < this.#ends.length; stretch++) {
        const end = this.#ends[stretch] ?? 0
        rowKeys.fill(keys[this.#indexes[stretch] ?? 0] ?? 0, begin, end)
        begin = end
      }
    }
    const data = lowCardinality.data(keyByText.size, texts.data(), rowKeys)
    return {
      type: 'LowCardinality(String)',
      rowCount,
      prefix: () => [lowCardinality.prefix],
      data: () => data,
    }
  }
}
