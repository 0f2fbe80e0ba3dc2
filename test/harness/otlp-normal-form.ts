import type { AnyValue, ExportRequestBySignal, KeyValue, Signal } from '#telemetry/otlp/messages.ts'
import { nothingLeft } from './otlp-rows.ts'

/**
 * What export requests say, whichever way they are cut and ordered: equal for requests that say the same.
 *
 * - Resources that are equal in all fields and their schema URL are one; so are scopes of one resource, and metrics of one
 *   scope that are equal in all but their data points.
 * - The sort key of spans, log records, data points, metrics, scopes and resources is the JSON text of their own normal form.
 *   Each stays as often as it is there.
 * - Attributes are a set: sorted by key, in maps inside values as well. Those of one key stay in their order.
 * - Every other list (events, links, exemplars, buckets, entity refs, items of arrays) keeps its order.
 *
 * Equal are also those that OTLP gives one meaning: no resource, scope, status, value or range of buckets and one with
 * every field at its default; a parent span id of zeros and none; all NaN. Nothing is said by what has no item below it:
 * resources, scopes and metrics without any are left out.
 */
export const normalForm = <S extends Signal>(
  signal: S,
  requests: readonly ExportRequestBySignal[S][],
): Normal => normalForms[signal](requests)

/** The normal form of one attribute's value. */
export const normalValue = (value: AnyValue): Normal => message(value)

/** Fields by name, lists as they are sorted, values as texts or numbers that `toEqual` tells apart. */
type Normal = string | number | boolean | Normal[] | { [name: string]: Normal }

const normalForms: { [S in Signal]: (requests: readonly ExportRequestBySignal[S][]) => Normal } = {
  traces: (requests) =>
    merged(
      requests.flatMap(({ resourceSpans, ...rest }) => {
        nothingLeft(rest)
        return resourceSpans.flatMap(({ scopeSpans, ...resource }) =>
          scopeSpans.flatMap(({ spans, ...scope }) =>
            spans.map((span) => [message(resource), message(scope), message(span)]),
          ),
        )
      }),
    ),
  logs: (requests) =>
    merged(
      requests.flatMap(({ resourceLogs, ...rest }) => {
        nothingLeft(rest)
        return resourceLogs.flatMap(({ scopeLogs, ...resource }) =>
          scopeLogs.flatMap(({ logRecords, ...scope }) =>
            logRecords.map((record) => [message(resource), message(scope), message(record)]),
          ),
        )
      }),
    ),
  metrics: (requests) =>
    merged(
      requests.flatMap(({ resourceMetrics, ...rest }) => {
        nothingLeft(rest)
        return resourceMetrics.flatMap(({ scopeMetrics, ...resource }) =>
          scopeMetrics.flatMap(({ metrics, ...scope }) =>
            metrics.flatMap(({ gauge, sum, histogram, exponentialHistogram, summary, ...fields }) =>
              Object.entries({ gauge, sum, histogram, exponentialHistogram, summary }).flatMap(
                ([kind, points]) => {
                  if (points === undefined) return []
                  const { dataPoints, ...ofKind } = points
                  const metric = message({ ...fields, kind, ...ofKind })
                  return dataPoints.map((point) => [
                    message(resource),
                    message(scope),
                    metric,
                    message(point),
                  ])
                },
              ),
            ),
          ),
        )
      }),
    ),
}

/** A tree of the paths from resource to item: equal owners are one, and what each owns is sorted. */
const merged = (paths: readonly Normal[][]): Normal => {
  const children = new Map<string, { owner: Normal; paths: Normal[][] }>()
  for (const [owner = '', ...path] of paths) {
    const known = children.get(JSON.stringify(owner))
    if (known === undefined) children.set(JSON.stringify(owner), { owner, paths: [path] })
    else known.paths.push(path)
  }
  return [...children]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, { owner, paths }]) =>
      paths[0]?.length === 0 ? paths.map(() => owner) : [{ owner, items: merged(paths) }],
    )
}

/** Every field of a message, in order of their names, so that no field of OTLP can be forgotten. */
const message = (fields: object): { [name: string]: Normal } =>
  Object.fromEntries(
    Object.entries(fields)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, value]) => {
        const normal = field(name, value)
        return normal === undefined ? [] : [[name, normal]]
      }),
  )

const attributeFields = new Set(['attributes', 'metadata', 'filteredAttributes'])

/** Messages that mean the same when they are absent as when they are there without anything. */
const mayBeAbsent = new Set(['resource', 'scope', 'status', 'value', 'body', 'positive', 'negative'])

/** Undefined where the field says nothing. */
const field = (name: string, value: unknown): Normal | undefined => {
  if (value === undefined) return undefined
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number')
    return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : `${value}`
  if (value instanceof Uint8Array) {
    const isNone = name === 'parentSpanId' && value.every((byte) => byte === 0)
    return isNone ? '' : Buffer.from(value).toString('hex')
  }
  if (Array.isArray(value))
    return attributeFields.has(name) ? attributeSet(value as KeyValue[]) : value.map((item) => element(item))
  if (typeof value !== 'object' || value === null) return value as string | boolean
  if (name === 'kvlistValue') return attributeSet((value as { values: KeyValue[] }).values)
  return mayBeAbsent.has(name) && isEmpty(value) ? undefined : message(value)
}

const element = (item: unknown): Normal => field('', item) ?? ''

/** The sort is stable, so that those of one key stay in their order. */
const attributeSet = (attributes: readonly KeyValue[]): Normal[] =>
  attributes.toSorted((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1)).map(element)

/** Every field at its default. The members of an AnyValue have none: an empty string is not no value. */
const isEmpty = (value: object): boolean =>
  Object.entries(value).every(
    ([name, inner]) =>
      !name.endsWith('Value') &&
      (inner === '' || inner === 0 || (Array.isArray(inner) && inner.length === 0)),
  )
