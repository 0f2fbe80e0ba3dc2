import type {
  Exemplar,
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint,
  SummaryDataPoint,
} from '#telemetry/otlp/messages.ts'
import type { RandomStream } from './random-stream.ts'

/** When a pod's metrics are collected. */
export interface Collection {
  timeUnixNano: bigint
  /** The collection before, or the start of the process. */
  previousUnixNano: bigint
  processStartUnixNano: bigint
  secondsSincePrevious: number
  /** Of requests that the pod has served: one, or none. */
  exemplars: (value: number) => Exemplar[]
}

/** One metric of one pod with all its series; each call goes on from the one before. */
export type MetricSource = (collection: Collection) => Metric

export interface Instrument {
  name: string
  unit: string
  description: string
}

export const temporality = { delta: 1, cumulative: 2 } as const

/** Levels walk around where they started, and never below nothing. */
export const gauge = (
  instrument: Instrument,
  number: 'int' | 'double',
  levels: readonly Level[],
  random: RandomStream,
): MetricSource => {
  const series = levels.map((level) => createWalk(level, random))
  return (collection) => ({
    ...named(instrument),
    gauge: {
      dataPoints: series.map((walk) =>
        numberPoint(walk.attributes, number, walk.next(), since(0n, collection)),
      ),
    },
  })
}

/** A cumulative sum that goes up and down, as of connections and of memory. */
export const upDownCounter = (
  instrument: Instrument,
  levels: readonly Level[],
  random: RandomStream,
): MetricSource => {
  const series = levels.map((level) => createWalk(level, random))
  return (collection) => ({
    ...named(instrument),
    sum: {
      aggregationTemporality: temporality.cumulative,
      isMonotonic: false,
      dataPoints: series.map((walk) =>
        numberPoint(walk.attributes, 'int', walk.next(), since(collection.processStartUnixNano, collection)),
      ),
    },
  })
}

export interface Level {
  attributes: KeyValue[]
  start: number
  /** What a step changes at most, as a share of the start; 0 stays where it is. */
  stepShare: number
}

const createWalk = ({ attributes, start, stepShare }: Level, random: RandomStream) => {
  const origin = start * (0.7 + 0.6 * random.next())
  let level = stepShare === 0 ? start : origin
  return {
    attributes,
    next: (): number => {
      // Drawn back to its origin, because a walk left alone ends anywhere.
      level = Math.max(0, level + (random.next() * 2 - 1) * stepShare * start + (origin - level) * 0.05)
      return stepShare === 0 ? start : level
    },
  }
}

export interface Rate {
  attributes: KeyValue[]
  perSecond: number
}

export const counter = (
  instrument: Instrument,
  of: { number: 'int' | 'double'; temporality: keyof typeof temporality; rates: readonly Rate[] },
  random: RandomStream,
): MetricSource => {
  const series = of.rates.map((rate) => ({ ...rate, total: 0 }))
  const isDelta = of.temporality === 'delta'
  return (collection) => ({
    ...named(instrument),
    sum: {
      aggregationTemporality: temporality[of.temporality],
      isMonotonic: true,
      dataPoints: series.map((counted) => {
        const added = counted.perSecond * collection.secondsSincePrevious * random.lognormal(1, 0.4)
        const growth = of.number === 'int' ? Math.floor(added + random.next()) : added
        counted.total += growth
        return numberPoint(
          counted.attributes,
          of.number,
          isDelta ? growth : counted.total,
          since(isDelta ? collection.previousUnixNano : collection.processStartUnixNano, collection),
        )
      }),
    },
  })
}

export interface Durations {
  attributes: KeyValue[]
  perSecond: number
  medianSeconds: number
  sigma: number
}

/** Each draw counts as often as needed. The first collection holds the time since the process started. */
const drawsPerCollectionMax = 24
const drawsOfFirstCollectionMax = 200
/** Longer tails would add buckets for ever. */
const sigmasMax = 2.4

const drawDurations = (
  of: Durations,
  { secondsSincePrevious, previousUnixNano, processStartUnixNano }: Collection,
  random: RandomStream,
  add: (value: number, count: number) => void,
): void => {
  const isFirst = previousUnixNano === processStartUnixNano
  const due = Math.floor(of.perSecond * secondsSincePrevious * random.lognormal(1, 0.3) + random.next())
  const draws = Math.min(due, isFirst ? drawsOfFirstCollectionMax : drawsPerCollectionMax)
  for (let draw = 0; draw < draws; draw++) {
    const spread = random.lognormal(1, of.sigma)
    const farthest = Math.exp(sigmasMax * of.sigma)
    const count = Math.floor(due / draws) + (draw < due % draws ? 1 : 0)
    add(of.medianSeconds * Math.min(farthest, Math.max(1 / farthest, spread)), count)
  }
}

export const histogram = (
  instrument: Instrument,
  of: { bounds: number[]; series: readonly Durations[] },
  random: RandomStream,
): MetricSource => {
  const series = of.series.map((durations) => ({
    durations,
    observed: createObserved(),
    counts: Array.from({ length: of.bounds.length + 1 }, () => 0),
  }))
  return (collection) => ({
    ...named(instrument),
    histogram: {
      aggregationTemporality: temporality.cumulative,
      dataPoints: series.map(({ durations, observed, counts }): HistogramDataPoint => {
        drawDurations(durations, collection, random, (value, count) => {
          observe(observed, value, count)
          const bucket = bucketOf(of.bounds, value)
          counts[bucket] = (counts[bucket] ?? 0) + count
        })
        return {
          attributes: durations.attributes,
          ...since(collection.processStartUnixNano, collection),
          flags: 0,
          ...observedFields(observed),
          bucketCounts: counts.map(BigInt),
          explicitBounds: of.bounds,
          exemplars: collection.exemplars(observed.last),
        }
      }),
    },
  })
}

/** The index of the first bound that is not below the value. */
const bucketOf = (bounds: readonly number[], value: number): number => {
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++
  return bucket
}

/** Buckets grow by 2^(1/8). */
const scale = 3

export const exponentialHistogram = (
  instrument: Instrument,
  of: readonly Durations[],
  random: RandomStream,
): MetricSource => {
  const series = of.map((durations) => ({
    durations,
    observed: createObserved(),
    countsByIndex: new Map<number, number>(),
  }))
  return (collection) => ({
    ...named(instrument),
    exponentialHistogram: {
      aggregationTemporality: temporality.cumulative,
      dataPoints: series.map((drawn): ExponentialHistogramDataPoint => {
        const { durations, observed, countsByIndex } = drawn
        drawDurations(durations, collection, random, (value, count) => {
          observe(observed, value, count)
          const index = Math.ceil(Math.log2(value) * 2 ** scale) - 1
          countsByIndex.set(index, (countsByIndex.get(index) ?? 0) + count)
        })
        return {
          attributes: durations.attributes,
          ...since(collection.processStartUnixNano, collection),
          flags: 0,
          ...observedFields(observed),
          scale,
          zeroCount: 0n,
          zeroThreshold: 0,
          positive: denseBuckets(countsByIndex),
          negative: { offset: 0, bucketCounts: [] },
          exemplars: collection.exemplars(observed.last),
        }
      }),
    },
  })
}

const denseBuckets = (countsByIndex: ReadonlyMap<number, number>) => {
  if (countsByIndex.size === 0) return { offset: 0, bucketCounts: [] }
  const offset = Math.min(...countsByIndex.keys())
  const length = Math.max(...countsByIndex.keys()) - offset + 1
  return {
    offset,
    bucketCounts: Array.from({ length }, (_, index) => BigInt(countsByIndex.get(offset + index) ?? 0)),
  }
}

export const summary = (
  instrument: Instrument,
  of: readonly Durations[],
  random: RandomStream,
): MetricSource => {
  const series = of.map((durations) => ({ durations, observed: createObserved() }))
  return (collection) => ({
    ...named(instrument),
    summary: {
      dataPoints: series.map(({ durations, observed }): SummaryDataPoint => {
        const drawn: number[] = []
        drawDurations(durations, collection, random, (value, count) => {
          observe(observed, value, count)
          drawn.push(value)
        })
        drawn.sort((a, b) => a - b)
        return {
          attributes: durations.attributes,
          ...since(collection.processStartUnixNano, collection),
          flags: 0,
          count: BigInt(observed.count),
          sum: observed.sum,
          quantileValues: quantiles.map((quantile) => ({
            quantile,
            value: drawn[Math.min(drawn.length - 1, Math.floor(quantile * drawn.length))] ?? 0,
          })),
        }
      }),
    },
  })
}

const quantiles = [0, 0.25, 0.5, 0.75, 1]

interface Observed {
  count: number
  sum: number
  min: number
  max: number
  last: number
}

const createObserved = (): Observed => ({ count: 0, sum: 0, min: Infinity, max: 0, last: 0 })

const observe = (observed: Observed, value: number, count: number): void => {
  observed.count += count
  observed.sum += value * count
  observed.min = Math.min(observed.min, value)
  observed.max = Math.max(observed.max, value)
  observed.last = value
}

/** Nothing has a smallest and a largest. */
const observedFields = ({ count, sum, min, max }: Observed) =>
  count === 0 ? { count: 0n, sum: 0 } : { count: BigInt(count), sum, min, max }

const numberPoint = (
  attributes: KeyValue[],
  number: 'int' | 'double',
  value: number,
  times: ReturnType<typeof since>,
): NumberDataPoint => ({
  attributes,
  ...times,
  flags: 0,
  ...(number === 'int' ? { asInt: BigInt(Math.round(value)) } : { asDouble: value }),
  exemplars: [],
})

const since = (startTimeUnixNano: bigint, { timeUnixNano }: Collection) => ({
  startTimeUnixNano,
  timeUnixNano,
})

const named = ({ name, unit, description }: Instrument) => ({ name, unit, description, metadata: [] })
