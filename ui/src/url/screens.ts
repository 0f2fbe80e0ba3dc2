import type { TraceFilters } from '../api.ts'
import { defaultRange } from '../time/range.ts'
import type { RawSearch } from './search-text.ts'

/** What every screen's URL carries. */
export interface FrameSearch {
  from: string
  to: string
  refresh?: RefreshInterval | undefined
}
export const refreshIntervals = ['10s', '30s', '1m'] as const
export type RefreshInterval = (typeof refreshIntervals)[number]
export const refreshMillis: Record<RefreshInterval, number> = { '10s': 10_000, '30s': 30_000, '1m': 60_000 }

export const readFrameSearch = (raw: RawSearch): FrameSearch => ({
  from: text(raw.from) ?? defaultRange.from,
  to: text(raw.to) ?? defaultRange.to,
  refresh: choice(raw.refresh, refreshIntervals),
})

export const serviceSorts = ['name', 'rate', 'errors', 'p50', 'p95', 'p99', 'pods', 'seen'] as const
export type ServiceSort = (typeof serviceSorts)[number]
/** A leading `-` means descending. */
export type Sort<Column extends string> = Column | `-${Column}`

export interface ServicesSearch {
  q?: string | undefined
  environment?: string | undefined
  namespace?: string | undefined
  sort?: Sort<ServiceSort> | undefined
  /** `name|namespace|environment` of the service that the details panel shows. */
  details?: string | undefined
}

export const readServicesSearch = (raw: RawSearch): ServicesSearch => ({
  q: text(raw.q),
  environment: textOrEmpty(raw.environment),
  namespace: textOrEmpty(raw.namespace),
  sort: sort(raw.sort, serviceSorts),
  details: text(raw.details),
})

export interface TracesSearch extends TraceFilters {}

export const attributeFiltersMax = 10
export const readTracesSearch = (raw: RawSearch): TracesSearch => ({
  service: text(raw.service),
  namespace: textOrEmpty(raw.namespace),
  environment: textOrEmpty(raw.environment),
  operation: text(raw.operation),
  minDuration: durationText(raw.minDuration),
  maxDuration: durationText(raw.maxDuration),
  status: choice(raw.status, ['error', 'ok'] as const),
  attribute: attributes(raw.attribute),
  pod: text(raw.pod),
})

export interface TraceSearch {
  /** The selected span. */
  span?: string | undefined
  tab?: 'logs' | undefined
  /** `start-end` in nanoseconds from the start of the trace: the part of it that is shown. */
  zoom?: string | undefined
  /** Spans to find, as in Jaeger. */
  uiFind?: string | undefined
}

export const readTraceSearch = (raw: RawSearch): TraceSearch => ({
  span: text(raw.span),
  tab: choice(raw.tab, ['logs'] as const),
  zoom: /^\d{1,16}-\d{1,16}$/.test(text(raw.zoom) ?? '') ? text(raw.zoom) : undefined,
  uiFind: text(raw.uiFind),
})

export const podSorts = ['name', 'service', 'node', 'started', 'state', 'restarts'] as const
export type PodSort = (typeof podSorts)[number]

export interface PodsSearch {
  service?: string | undefined
  namespace?: string | undefined
  environment?: string | undefined
  state?: PodStateFilter | undefined
  sort?: Sort<PodSort> | undefined
  /** Uid of the pod that the details panel shows. */
  details?: string | undefined
}
export const podStates = ['alive', 'gone', 'failed'] as const
/** `failed` is the part of `gone` that ended badly: killed, out of memory, non-zero exit. */
export type PodStateFilter = (typeof podStates)[number]

export const readPodsSearch = (raw: RawSearch): PodsSearch => ({
  service: text(raw.service),
  namespace: textOrEmpty(raw.namespace),
  environment: textOrEmpty(raw.environment),
  state: choice(raw.state, podStates),
  sort: sort(raw.sort, podSorts),
  details: text(raw.details),
})

const textLengthMax = 2000

const first = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

const text = (value: string | string[] | undefined): string | undefined => {
  const one = first(value)
  return one === undefined || one === '' ? undefined : one.slice(0, textLengthMax)
}

/** An empty namespace or environment is a filter of its own: services that state none. */
const textOrEmpty = (value: string | string[] | undefined): string | undefined =>
  first(value)?.slice(0, textLengthMax)

const choice = <T extends string>(
  value: string | string[] | undefined,
  allowed: readonly T[],
): T | undefined => allowed.find((one) => one === first(value))

const sort = <T extends string>(
  value: string | string[] | undefined,
  columns: readonly T[],
): Sort<T> | undefined => {
  const one = first(value) ?? ''
  const column = columns.find((column) => column === one.replace(/^-/, ''))
  return column && (one.startsWith('-') ? `-${column}` : column)
}

const durationText = (value: string | string[] | undefined): string | undefined => {
  const nanos = parseDuration(text(value) ?? '')
  return nanos === undefined ? undefined : writeDuration(nanos)
}

const attributes = (value: string | string[] | undefined): string[] | undefined => {
  const list = [value ?? []].flat().filter((one) => readAttributeFilter(one) !== undefined)
  const unique = [...new Set(list)].slice(0, attributeFiltersMax)
  return unique.length > 0 ? unique : undefined
}

/** `http.route=/cart` in its two parts; the key ends at the first `=`. Undefined without a key or a `=`. */
export const readAttributeFilter = (filter: string): { key: string; value: string } | undefined => {
  const end = filter.indexOf('=')
  return end > 0 ? { key: filter.slice(0, end).trim(), value: filter.slice(end + 1) } : undefined
}

const durationUnitNanos: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** Nanoseconds of `250ms`, `1.5s`, `2us`; undefined if it is not of this form. */
export const parseDuration = (value: string): number | undefined => {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*(ns|us|µs|μs|ms|s|m|h)$/.exec(value.trim())
  const unit = durationUnitNanos[match?.[2] ?? '']
  return match && unit !== undefined ? Number(match[1]) * unit : undefined
}

/** The shortest text of the API's form for a number of nanoseconds, rounded to three digits. */
export const writeDuration = (nanos: number): string => {
  const rounded = Number(nanos.toPrecision(3))
  const [unit, size] =
    rounded >= 1e9
      ? (['s', 1e9] as const)
      : rounded >= 1e6
        ? (['ms', 1e6] as const)
        : rounded >= 1e3
          ? (['us', 1e3] as const)
          : (['ns', 1] as const)
  return `${Number((rounded / size).toFixed(6))}${unit}`
}
