import type { InstrumentationScope, Resource } from '#telemetry/otlp/messages.ts'
import type { CommonRow } from './exported-columns.ts'
import type { SentResource } from './stored-resources.ts'

/** Rows of one scope of one resource, which is absent where the store no longer has it. */
export interface ScopeGroup<Row> {
  scope: InstrumentationScope
  schemaUrl: string
  rows: Row[]
}

export interface ResourceGroup<Row> {
  resource?: Resource
  schemaUrl: string
  scopes: ScopeGroup<Row>[]
}

/** Each resource once, and each scope once in it, in the order of their first rows. */
export const groupRows = <Row extends CommonRow>(
  rows: readonly Row[],
  resources: ReadonlyMap<string, SentResource>,
): ResourceGroup<Row>[] =>
  [...grouped(rows, (row) => row.resourceId)].map(([resourceId, ofResource]) => ({
    schemaUrl: '',
    ...resources.get(resourceId),
    scopes: [...grouped(ofResource, (row) => row.scope.key).values()].map((ofScope) => scopeGroup(ofScope)),
  }))

/** Rows by key, in the order of the first of each. */
export const grouped = <Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): Map<string, [Row, ...Row[]]> => {
  const groups = new Map<string, [Row, ...Row[]]>()
  for (const row of rows) {
    const group = groups.get(keyOf(row))
    if (group === undefined) groups.set(keyOf(row), [row])
    else group.push(row)
  }
  return groups
}

const scopeGroup = <Row extends CommonRow>(rows: [Row, ...Row[]]): ScopeGroup<Row> => {
  const { schemaUrl, key: _key, ...scope } = rows[0].scope
  return { scope, schemaUrl, rows }
}
