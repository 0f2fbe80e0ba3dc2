import { sql } from '#storage/sql.ts'
import { createTraceStore } from '#storage/traces/create-trace-store.ts'
import type { SpanFilters } from '#storage/traces/trace-store.ts'
import { absentAttribute, oneInMillion, oneInTen, oneInThousand, serviceNames } from '../corpus.ts'
import type { KnownAttribute } from '../corpus/known-values.ts'
import { exporterTraces } from '../exporter-schema.ts'
import { type Setup, printHeading, printTimes, repeat, timed } from './measuring.ts'

const nanosPerHour = 3_600_000_000_000n
const limit = 20
const resourcesKnownAfter = 200

/** Traces by id and found by search, over our tables and the exporter's. */
export const compareTraces = async (setup: Setup): Promise<void> => {
  await compareById(setup)
  await compareSearch(setup)
}

const compareById = async ({ store, filled, readCount }: Setup): Promise<void> => {
  printHeading('a whole trace by id, time unknown')
  const traces = createTraceStore(store)
  const idOf = (index: number): string => filled.traceIds[(index * 7) % filled.traceIds.length] ?? ''
  // A process that has answered for a while knows the resources, as readers share what was read of them.
  for (let index = 0; index < resourcesKnownAfter; index++)
    await traces.getTrace({ tenant: 'default' }, idOf(readCount + index))
  printTimes(
    'ours, assembled',
    await timed(
      store,
      repeat(readCount, (index) => traces.getTrace({ tenant: 'default' }, idOf(index))),
    ),
  )
  for (const indexes of ['none', 'bloom', 'text'] as const) {
    const { name } = exporterTraces(indexes)
    const count = indexes === 'none' ? Math.min(readCount, 20) : readCount
    printTimes(
      name,
      await timed(
        store,
        repeat(count, (index) =>
          store.query(
            sql`SELECT * FROM ${sql.identifier(name)} WHERE TraceId = ${sql.string(idOf(index))} ORDER BY Timestamp LIMIT 20000`,
          ),
        ),
      ),
    )
  }
}

const compareSearch = async ({ store, filled, readCount, hours }: Setup): Promise<void> => {
  const traces = createTraceStore(store)
  const ranges = [
    { name: 'an hour', fromNanos: filled.toNanos - nanosPerHour, toNanos: filled.toNanos },
    { name: `${hours} h`, fromNanos: filled.fromNanos, toNanos: filled.toNanos },
  ]
  const serviceOf = (index: number): string => serviceNames[index % serviceNames.length] ?? ''
  const structural: Record<string, (index: number) => SpanFilters> = {
    'of a service': (index) => ({ service: serviceOf(index) }),
    'of a service with errors': (index) => ({ service: serviceOf(index), status: 'error' }),
    'of a service over 500 ms': (index) => ({
      service: serviceOf(index),
      minDurationNanos: 500_000_000n,
    }),
    'of a service over an hour long (none)': (index) => ({
      service: serviceOf(index),
      minDurationNanos: 3_600_000_000_000n,
    }),
    'of a service that is not there': () => ({ service: 'absent' }),
    'of all services': () => ({}),
    'of all services with errors': () => ({ status: 'error' }),
  }
  const byAttribute: Record<string, (index: number) => SpanFilters> = {
    'by an attribute of 1 in 10': (index) => ({ attributes: [entryOf(oneInTen, index)] }),
    'by an attribute of 1 in 10^3': (index) => ({ attributes: [entryOf(oneInThousand, index)] }),
    'by an attribute of 1 in 10^6': (index) => ({ attributes: [entryOf(oneInMillion, index)] }),
    'by an attribute that is absent': (index) => ({ attributes: [entryOf(absentAttribute, index)] }),
  }
  for (const [kind, searches] of [
    ['structural', structural],
    ['by attribute', byAttribute],
  ] as const)
    for (const { name: rangeName, ...range } of ranges) {
      printHeading(`newest ${limit} traces, ${kind}, ${rangeName}`)
      for (const [name, filtersOf] of Object.entries(searches))
        printTimes(
          `ours ${name}`,
          await timed(
            store,
            repeat(Math.min(readCount, 60), (index) =>
              traces.searchTraces({ tenant: 'default' }, { range, filters: filtersOf(index), limit }),
            ),
          ),
        )
    }
  printHeading(`the same of the exporter's tables, ids only, ${hours} h`)
  const { fromNanos, toNanos } = filled
  const within = sql`Timestamp >= ${sql.dateTime64(fromNanos)} AND Timestamp < ${sql.dateTime64(toNanos)}`
  for (const indexes of ['bloom', 'text'] as const) {
    const { name } = exporterTraces(indexes)
    const newest = (where: ReturnType<typeof sql.string>) =>
      sql`SELECT TraceId, max(Timestamp) AS latest FROM ${sql.identifier(name)} WHERE ${within} AND ${where} GROUP BY TraceId ORDER BY latest DESC LIMIT 20`
    const wheres = {
      'of a service with errors': (index: number) =>
        sql`ServiceName = ${sql.string(serviceOf(index))} AND StatusCode = 'Error'`,
      'by an attribute of 1 in 10^3': (index: number) => attributeIs(entryOf(oneInThousand, index), indexes),
      'by an attribute of 1 in 10^6': (index: number) => attributeIs(entryOf(oneInMillion, index), indexes),
      'by an attribute that is absent': (index: number) =>
        attributeIs(entryOf(absentAttribute, index), indexes),
    }
    for (const [what, whereOf] of Object.entries(wheres))
      printTimes(
        `${name} ${what}`,
        await timed(
          store,
          repeat(Math.min(readCount, 25), (index) => store.query(newest(whereOf(index)))),
        ),
      )
  }
}

/** Another value of the same frequency each time, far from the last. */
const entryOf = (known: KnownAttribute, index: number) => ({
  key: known.key,
  value: known.value((index * 7919) % known.valueCount),
})

const attributeIs = ({ key, value }: { key: string; value: string }, indexes: 'bloom' | 'text') =>
  indexes === 'text'
    ? sql`has(arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(SpanAttributes, 'Array(Tuple(String, String))')), ${sql.string(`${key}=${value}`)})`
    : sql`has(mapValues(SpanAttributes), ${sql.string(value)}) AND SpanAttributes[${sql.string(key)}] = ${sql.string(value)}`
