import { InvalidInput } from '#runtime/errors.ts'
import type { TimeRange } from '#storage/read-scope.ts'
import type { SpanFilters, TraceSearch } from '#storage/traces/trace-store.ts'
import { parseDurationNanos } from '../duration.ts'
import { attributeRefusal, textLengthMax } from '../parameters.ts'

/**
 * The parameters of Jaeger's trace search. Unknown ones are ignored, as Jaeger does: its clients send more than they say.
 *
 * @throws InvalidInput naming the parameter
 */
export const parseJaegerSearch = (parameters: URLSearchParams, nowMillis: number): TraceSearch => {
  const service = textOf(parameters, 'service')
  if (!service) throw new InvalidInput("parameter 'service' is required", { field: 'service' })
  return {
    range: rangeOf(parameters, nowMillis),
    filters: {
      service,
      operation: textOf(parameters, 'operation'),
      minDurationNanos: durationOf(parameters, 'minDuration'),
      maxDurationNanos: durationOf(parameters, 'maxDuration'),
      ...tagFilters(tagsOf(parameters)),
    },
    limit: limitOf(parameters),
  }
}

/** Trace ids may come without their leading zeros. */
export const parseTraceId = (text: string): string => {
  if (!/^[0-9a-f]{1,32}$/i.test(text))
    throw new InvalidInput(`malformed trace id '${text.slice(0, 100)}'`, { field: 'traceID' })
  return text.toLowerCase().padStart(32, '0')
}

const nanosPerMicro = 1000n
const lookbackNanosDefault = 3600n * 1_000_000_000n
const rangeNanosMax = 400n * 86_400n * 1_000_000_000n
const limitDefault = 100
const limitMax = 500

/** `start` and `end` in microseconds; without them the last hour, or as far back as `lookback` says. */
export const rangeOf = (parameters: URLSearchParams, nowMillis: number): TimeRange => {
  const toNanos = microsOf(parameters, 'end') ?? BigInt(nowMillis) * 1_000_000n
  const lookback = given(parameters, 'lookback')
  const lookbackNanos =
    lookback === undefined || lookback === 'custom'
      ? lookbackNanosDefault
      : parseDurationNanos(
          'lookback',
          lookback.replace(/^(\d+)d$/, (_, days) => `${Number(days) * 24}h`),
        )
  const fromNanos = microsOf(parameters, 'start') ?? toNanos - lookbackNanos
  if (fromNanos >= toNanos) throw new InvalidInput('start has to be before end', { field: 'start' })
  if (toNanos - fromNanos > rangeNanosMax)
    throw new InvalidInput('start: the range may be 400 days long at most', { field: 'start' })
  return { fromNanos, toNanos }
}

const given = (parameters: URLSearchParams, name: string): string | undefined =>
  parameters.get(name) || undefined

const textOf = (parameters: URLSearchParams, field: string): string | undefined => {
  const text = given(parameters, field)
  if (text !== undefined && text.length > textLengthMax)
    throw new InvalidInput(`${field}: longer than ${textLengthMax} characters`, { field })
  return text
}

const microsOf = (parameters: URLSearchParams, field: string): bigint | undefined => {
  const text = given(parameters, field)
  if (text === undefined) return undefined
  if (!/^\d{1,16}$/.test(text) || BigInt(text) > 8_800_000_000_000_000n)
    throw new InvalidInput(`${field}: expected microseconds since 1970, got '${text.slice(0, 100)}'`, {
      field,
    })
  return BigInt(text) * nanosPerMicro
}

const durationOf = (parameters: URLSearchParams, field: string): bigint | undefined => {
  const text = given(parameters, field)
  return text === undefined ? undefined : parseDurationNanos(field, text)
}

const limitOf = (parameters: URLSearchParams): number => {
  const text = given(parameters, 'limit') ?? String(limitDefault)
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1)
    throw new InvalidInput(`limit: expected a positive whole number, got '${text.slice(0, 100)}'`, {
      field: 'limit',
    })
  // Jaeger UI asks for up to 1500; it takes fewer.
  return Math.min(Number(text), limitMax)
}

/** `tags` is a JSON object of texts; `tag` is `key:value`, repeatable. */
const tagsOf = (parameters: URLSearchParams): Map<string, string> => {
  const tags = new Map<string, string>()
  for (const entry of parameters.getAll('tag')) {
    const at = entry.indexOf(':')
    if (at < 1) throw new InvalidInput('tag: expected key:value', { field: 'tag' })
    tags.set(entry.slice(0, at), entry.slice(at + 1))
  }
  const json = given(parameters, 'tags')
  if (json === undefined) return bounded(tags)
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch (error) {
    throw new InvalidInput('tags: expected a JSON object of texts', { field: 'tags', cause: error })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new InvalidInput('tags: expected a JSON object of texts', { field: 'tags' })
  for (const [key, value] of Object.entries(parsed))
    tags.set(key, typeof value === 'string' ? value : JSON.stringify(value))
  return bounded(tags)
}

const bounded = (tags: Map<string, string>): Map<string, string> => {
  const refusal = attributeRefusal([...tags].map(([key, value]) => `${key}=${value}`))
  if (refusal !== undefined) throw new InvalidInput(`tags: ${refusal}`, { field: 'tags' })
  return tags
}

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']

/** Tags that are fields with us become filters on those fields. */
const tagFilters = (tags: Map<string, string>): Pick<SpanFilters, 'status' | 'kind' | 'attributes'> => {
  const attributes: { key: string; value: string }[] = []
  let status: 'error' | 'ok' | undefined
  let kind: number | undefined
  for (const [key, value] of tags) {
    if (key === 'error' && (value === 'true' || value === 'false')) status = value === 'true' ? 'error' : 'ok'
    else if (key === 'otel.status_code' && value === 'ERROR') status = 'error'
    else if (key === 'span.kind' && kinds.includes(value)) kind = kinds.indexOf(value)
    else attributes.push({ key, value })
  }
  return { status, kind, attributes }
}
