import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { seededIntegers } from '../../test/harness/seeded-random.ts'
import { type LogSeed, type SeededStore, openSeededStore, traceId } from '../../test/harness/seeded-store.ts'
import { QueryStopped, type Store } from '../connection.ts'
import { createLogStore } from './create-log-store.ts'
import type { LogFilters, LogPosition, LogSearch, SeverityCounts, StoredLogRecord } from './log-store.ts'
import type { TimeRange } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'

const nanosPerMilli = 1_000_000n
const nanosPerMinute = 60_000n * nanosPerMilli
const nanosPerHour = 60n * nanosPerMinute
/** Records lie around midnight, so that they reach over the borders of days, hours and five minutes. */
const midnight = BigInt(Date.UTC(2026, 10, 20)) * nanosPerMilli
const everything = { fromNanos: midnight - 48n * nanosPerHour, toNanos: midnight + 48n * nanosPerHour }

const resources = [
  { id: 1, tenant: 'default', service: 'cart', namespace: 'shop', environment: 'test', uid: 'uid-1', pod: 'cart-1', region: 'north' },
  { id: 2, tenant: 'default', service: 'cart', namespace: '', environment: 'live', uid: '', pod: 'cart-2', region: 'south' },
  { id: 3, tenant: 'default', service: 'till', namespace: 'shop', environment: 'test', uid: 'uid-3', pod: 'till-1', region: 'north' },
  { id: 4, tenant: 'other', service: 'cart', namespace: 'shop', environment: 'test', uid: 'uid-4', pod: 'cart-1', region: 'north' },
] // oxfmt-ignore

const words = ['payment', 'Payment', 'refused', 'REPAYMENT', 'order', '결제', '실패', 'Öl', 'x1', '42', 'a']
const signs = [' ', ' ', ' ', '=', ': ', '-', '/', '_', "' OR 1=1 --", ' \\ ', '\n', '%']
const regions = ['north', 'south', 'a=b', '']
const severities = [0, 1, 4, 5, 9, 12, 13, 17, 20, 21, 24]

type ModelRecord = LogSeed & { tenant: string; severity: number; attributes: Record<string, string> }

/** Moments at which borders of slices, intervals, days and pages lie, each with many records. */
const busyMoments = [0n, 1n, -1n, 5n * nanosPerMinute, nanosPerHour - 1n, nanosPerHour, -3n * nanosPerHour]

const makeRecords = (seed: number, count: number): ModelRecord[] => {
  const below = seededIntegers(seed)
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T
  const timeOf = (): bigint => {
    if (below(3) === 0) return midnight + pick(busyMoments)
    const reach = pick([nanosPerMinute, 20n * nanosPerMinute, 5n * nanosPerHour, 40n * nanosPerHour])
    return midnight + (BigInt(below(2_000_001) - 1_000_000) * reach) / 1_000_000n
  }
  return Array.from({ length: count }, () => {
    const resource = pick(resources)
    const body = Array.from({ length: 1 + below(4) }, () => pick(words) + pick(signs)).join('')
    return {
      time: timeOf(),
      resource: resource.id,
      tenant: resource.tenant,
      trace: below(4) === 0 ? traceId(1 + below(5)) : '',
      body,
      severity: pick(severities),
      eventName: below(4) === 0 ? pick(['started', 'stopped']) : '',
      attributes: below(2) === 0 ? {} : { region: pick(regions), 'region=a': 'b', [pick(['', 'key'])]: 'v' },
    }
  })
}

/** The contract in log-store.ts, by looking at every record. */
const matches = (record: ModelRecord, { fromNanos, toNanos }: TimeRange, filters: LogFilters): boolean => {
  const resource = resources.find(({ id }) => id === record.resource)
  if (resource === undefined || record.time < fromNanos || record.time >= toNanos) return false
  const { service, namespace, environment, pod, minSeverity = 0, bodyWords, bodyPhrases = [] } = filters
  const { attributes = [], traceId, eventName } = filters
  const attributesOfResource: Record<string, string> = { region: resource.region }
  const body = asciiLower(record.body)
  const bodyTokens = tokensOf(body)
  return (
    record.tenant === 'default' &&
    (service ?? resource.service) === resource.service &&
    (namespace ?? resource.namespace) === resource.namespace &&
    (environment ?? resource.environment) === resource.environment &&
    (pod === undefined || pod === resource.pod || pod === resource.uid) &&
    record.severity >= minSeverity &&
    (traceId ?? record.trace) === record.trace &&
    (eventName ?? record.eventName) === record.eventName &&
    (bodyWords === undefined || tokensOf(bodyWords).every((token) => bodyTokens.includes(token))) &&
    bodyPhrases.every(
      (phrase) => body.includes(asciiLower(phrase)) && follow(bodyTokens, tokensOf(phrase)),
    ) &&
    attributes.every(
      ({ key, value }) => record.attributes[key] === value || attributesOfResource[key] === value,
    )
  )
}

const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
const tokensOf = (text: string): string[] =>
  asciiLower(text)
    .split(/[^0-9a-z\u0080-\uffff]+/)
    .filter((token) => token !== '')
const follow = (tokens: readonly string[], phrase: readonly string[]): boolean =>
  tokens.some((_, start) => phrase.every((token, index) => tokens[start + index] === token)) ||
  phrase.length === 0

const randomFilters = (below: (bound: number) => number): LogFilters => {
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T
  const maybe = <T>(share: number, values: readonly T[]): T | undefined =>
    below(share) === 0 ? pick(values) : undefined
  return {
    service: maybe(4, ['cart', 'till', 'nobody']),
    namespace: maybe(8, ['shop', '']),
    environment: maybe(8, ['test', 'live']),
    pod: maybe(8, ['cart-1', 'cart-2', 'uid-3', 'nowhere']),
    minSeverity: maybe(4, [1, 9, 17]),
    traceId: maybe(10, [traceId(1), traceId(99)]),
    eventName: maybe(10, ['started', '']),
    bodyWords: maybe(3, ['PAYMENT', 'order refused', '결제', 'öl', 'Öl', 'pay', '42=x1', 'a']),
    bodyPhrases: maybe(6, [['payment refused'], ['order-'], ['실패', 'a'], ["' OR"], ['%'], ['ayment']]),
    attributes: maybe(4, [
      [{ key: 'region', value: 'north' }],
      [{ key: 'region', value: 'a=b' }],
      [{ key: 'region=a', value: 'b' }],
      [
        { key: 'region', value: '' },
        { key: '', value: 'v' },
      ],
      [{ key: 'key', value: '' }],
    ]),
  }
}

const randomRange = (below: (bound: number) => number): TimeRange => {
  if (below(2) === 0) return everything
  const ends = [everything.fromNanos, everything.toNanos, ...busyMoments.map((moment) => midnight + moment)]
  const [a, b] = [ends[below(ends.length)] ?? midnight, ends[below(ends.length)] ?? midnight]
  return a < b ? { fromNanos: a, toNanos: b } : { fromNanos: b, toNanos: a + 1n }
}

let seeded: SeededStore
const records = makeRecords(7, 900)

beforeAll(async () => {
  seeded = await openSeededStore()
  for (const { id, tenant, service, namespace, environment, uid, pod, region } of resources) {
    await seeded.insertResource({
      id,
      tenant,
      attributes: {
        'service.name': service,
        'service.namespace': namespace,
        'deployment.environment.name': environment,
        'k8s.pod.uid': uid,
        'k8s.pod.name': pod,
        region,
      },
    })
  }
  // Some of them twice, in parts of their own.
  await seeded.insertLogs(...records.slice(0, 500))
  await seeded.insertLogs(...records.slice(400))
  records.push(...records.slice(400, 500))
})
afterAll(() => seeded.close())

const scope = { tenant: 'default' }
const search = (asked: Partial<LogSearch>, store: Store = seeded.store) =>
  createLogStore(store).searchLogs(scope, { range: everything, filters: {}, limit: 1000, ...asked })

/** All pages, one after the other. */
const searchAll = async (asked: Partial<LogSearch>, limitOf: () => number): Promise<StoredLogRecord[]> => {
  const logs: StoredLogRecord[] = []
  let after: LogPosition | undefined
  for (let page = 0; page < 2000; page++) {
    const limit = limitOf()
    const found = await search({ ...asked, limit, after })
    expect(found.isComplete).toBe(true)
    if (found.next) expect(found.logs).toHaveLength(limit)
    logs.push(...found.logs)
    after = found.next
    if (after === undefined) return logs
  }
  throw new Error('the pages do not end')
}

const contentOf = (log: StoredLogRecord): string =>
  JSON.stringify([
    log.timeUnixNano,
    log.resource?.resourceId,
    log.traceId,
    log.body,
    log.severityNumber,
    log.eventName,
    log.attributes.map(({ key, value }) => [key, value]),
  ])
const modelContentOf = (record: ModelRecord): string =>
  JSON.stringify([
    record.time.toString(),
    String(record.resource),
    record.trace,
    record.body,
    record.severity,
    record.eventName,
    Object.entries(record.attributes),
  ])

describe('searching log records', () => {
  it('finds what a look at every record finds, in one order whatever the pages', async () => {
    const below = seededIntegers(11)
    let foundCount = 0
    for (let round = 0; round < 14; round++) {
      const asked = { range: randomRange(below), filters: randomFilters(below) }
      const expected = records.filter((record) => matches(record, asked.range, asked.filters))
      const whole = await searchAll(asked, () => 1000)
      const pageSize = 1 + below(Math.max(20, expected.length))
      const paged = await searchAll(asked, () => 1 + below(2 * pageSize))
      const contents = whole.map(contentOf)
      expect({ ...asked, contents: contents.toSorted() }).toEqual({
        ...asked,
        contents: expected.map(modelContentOf).toSorted(),
      })
      expect(paged.map(contentOf)).toEqual(contents)
      const times = whole.map(({ timeUnixNano }) => BigInt(timeUnixNano))
      expect(times.every((time, index) => index === 0 || time <= (times[index - 1] ?? 0n))).toBe(true)
      foundCount += whole.length
    }
    expect(foundCount).toBeGreaterThan(800)
  })

  it('misses and repeats none while records come in, at the time where a page ended too', async () => {
    const made = { resource: 3, tenant: 'default', severity: 9, trace: '', eventName: '', attributes: {} }
    const common = { ...made, time: midnight + nanosPerHour }
    const before = Array.from({ length: 30 }, (_, index) => ({ ...common, body: `steady ${index % 3}` }))
    const insert = async (...added: ModelRecord[]): Promise<void> => {
      await seeded.insertLogs(...added)
      records.push(...added)
    }
    await insert(...before)
    const seen: string[] = []
    let after: LogPosition | undefined
    for (let page = 0; page < 100; page++) {
      const found = await search({ filters: { bodyWords: 'steady' }, limit: 4, after })
      seen.push(...found.logs.map(({ body }) => body))
      after = found.next
      if (after === undefined) break
      await insert(
        { ...common, body: `steady late ${page}` },
        { ...common, body: `steady newer ${page}`, time: common.time + 1n },
      )
    }
    expect(after).toBeUndefined()
    expect(seen.filter((body) => /\d/.test(body) && !body.includes('late')).toSorted()).toEqual(
      before.map(({ body }) => body).toSorted(),
    )
    expect(new Set(seen.filter((body) => body.includes('late'))).size).toBe(
      seen.filter((body) => body.includes('late')).length,
    )
  })

  it('says how far back it has searched', async () => {
    const whole = await search({ filters: { service: 'nobody' } })
    expect(whole).toEqual({
      logs: [],
      next: undefined,
      isComplete: true,
      searchedFromNanos: everything.fromNanos,
    })
    for (const limit of [1, 2, 3, 5, 8, 40]) {
      const page = await search({ limit })
      const searched = { fromNanos: page.searchedFromNanos, toNanos: everything.toNanos }
      const inside = records.filter((record) => matches(record, searched, {}))
      const given = page.logs.filter((log) => BigInt(log.timeUnixNano) >= page.searchedFromNanos)
      expect(given.map(contentOf).toSorted()).toEqual(inside.map(modelContentOf).toSorted())
      expect(BigInt(page.logs.at(-1)?.timeUnixNano ?? 0)).toBeGreaterThanOrEqual(page.searchedFromNanos - 1n)
    }
  })

  it('begins at the end of the range where the position lies behind it, and ends where it lies before', async () => {
    const range = { fromNanos: midnight, toNanos: midnight + nanosPerHour }
    const inside = await search({ range })
    const later = await search({ range, after: { timeNanos: midnight + 2n * nanosPerHour } })
    expect(later.logs.map(contentOf)).toEqual(inside.logs.map(contentOf))
    const earlier = await search({ range, after: { timeNanos: midnight - 1n } })
    expect(earlier).toMatchObject({ logs: [], next: undefined, isComplete: true })
  })
})

/** The store, but for what happens before the n-th query. */
const interrupted = (before: (queryNumber: number, statement: Sql) => void): Store => {
  let queryNumber = 0
  return {
    ...seeded.store,
    query: async (statement, options) => {
      before(queryNumber++, statement)
      return seeded.store.query(statement, options)
    },
  }
}
const stop = (): never => {
  throw new QueryStopped('over 5 s')
}

describe('a search that takes long', () => {
  it('goes on with shorter slices where one took too long', async () => {
    const store = interrupted((queryNumber) => (queryNumber < 3 ? stop() : undefined))
    const slowed = await search({ filters: { service: 'cart' } }, store)
    const undisturbed = await search({ filters: { service: 'cart' } })
    expect(slowed).toEqual(undisturbed)
  })

  it('says so where even the shortest slice takes too long', async () => {
    let queryCount = 0
    const store = interrupted(() => {
      queryCount += 1
      stop()
    })
    expect(await search({}, store)).toEqual({
      logs: [],
      next: { timeNanos: everything.toNanos },
      isComplete: false,
      searchedFromNanos: everything.toNanos,
    })
    expect(queryCount).toBeLessThan(6)
  })

  it('gives what it has when its time is up, and goes on from there', async () => {
    const clock = vi.spyOn(performance, 'now')
    const filters = { service: 'cart' }
    const range = { fromNanos: everything.fromNanos, toNanos: midnight + nanosPerMinute }
    const startedAt = performance.now()
    const store = interrupted((queryNumber) => {
      if (queryNumber === 0) clock.mockReturnValue(startedAt + 60_000)
    })
    const first = await search({ filters, range }, store).finally(() => clock.mockRestore())
    expect(first.isComplete).toBe(false)
    expect(first.logs.length).toBeGreaterThan(10)
    const rest = await search({ filters, range, after: first.next })
    const whole = await search({ filters, range })
    expect([...first.logs, ...rest.logs].map(contentOf)).toEqual(whole.logs.map(contentOf))
    expect(rest.logs.length).toBeGreaterThan(10)
  })

  it('ends between slices when nobody waits any longer', async () => {
    const waiting = new AbortController()
    const statements: string[] = []
    const store = interrupted((_, { text }) => {
      statements.push(text)
      waiting.abort()
    })
    const asked = { range: everything, filters: { service: 'nobody' }, limit: 10 }
    const searching = createLogStore(store).searchLogs({ ...scope, signal: waiting.signal }, asked)
    await expect(searching).rejects.toThrow(QueryStopped)
    const counting = createLogStore(store).countLogs({ ...scope, signal: waiting.signal }, asked)
    await expect(counting).rejects.toThrow(QueryStopped)
    expect(statements).toHaveLength(2)
  })
})

describe('large records', () => {
  const count = 60
  const start = midnight - 30n * 24n * nanosPerHour
  const range = { fromNanos: start - nanosPerHour, toNanos: start + nanosPerHour }
  const bodyStart = (body: string): number => Number(body.slice(0, body.indexOf(' ')))

  beforeAll(() =>
    // Two of each time, of a megabyte each.
    seeded.store.command(sql`
      INSERT INTO log_records (tenant, time, trace_id, severity_number, body, body_type, resource_id, service_name, ingested_at)
      SELECT 'default', fromUnixTimestamp64Nano(${sql.int64(start)} + intDiv(number, 2) * 1000, 'UTC'),
        unhex('aabbccddaabbccddaabbccddaabbccdd'), 9, concat(toString(number), ' ', repeat('large ', 170000)), 's', 3, 'large', now()
      FROM numbers(${sql.uint64(count)})`),
  )

  it('make pages smaller than asked for, that follow each other', async () => {
    const numbers: number[] = []
    let after: LogPosition | undefined
    let pageCount = 0
    do {
      const page = await search({ range, filters: { service: 'large' }, limit: 1000, after })
      expect(page.isComplete).toBe(true)
      numbers.push(...page.logs.map(({ body }) => bodyStart(body)))
      after = page.next
      pageCount += 1
    } while (after !== undefined)
    expect(pageCount).toBeGreaterThan(2)
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n))
    expect(numbers.map((n) => Math.floor(n / 2))).toEqual(
      numbers.map((n) => Math.floor(n / 2)).toSorted((a, b) => b - a),
    )
  })

  it('are the earliest of their trace, as many as go together', async () => {
    const page = await createLogStore(seeded.store).logsOfTrace(scope, 'aabbccdd'.repeat(4), 5000)
    expect(page.isTruncated).toBe(true)
    expect(page.logs.length).toBeGreaterThan(1)
    expect(page.logs.length).toBeLessThan(40)
    expect(Math.max(...page.logs.map(({ body }) => bodyStart(body)))).toBeLessThanOrEqual(page.logs.length)
  })
})

describe('the latest records of a pod', () => {
  it('are read newest first in slices', async () => {
    const statements: string[] = []
    const store = interrupted((_, { text }) => void statements.push(text))
    const found = await createLogStore(store).logsOfPod(scope, 'uid-1', everything, 20)
    const expected = records
      .filter((record) => matches(record, everything, { pod: 'uid-1' }))
      .map(({ time }) => time)
      .toSorted((a, b) => Number(b - a))
    expect(found.logs.map(({ timeUnixNano }) => BigInt(timeUnixNano))).toEqual(
      expected.slice(0, 20).toReversed(),
    )
    expect(found.isTruncated).toBe(true)
    const slices = statements.filter((text) => text.includes('FROM log_records'))
    expect(slices.length).toBeGreaterThan(1)
    const whole = await createLogStore(seeded.store).logsOfPod(scope, 'uid-1', everything, 900)
    expect(whole).toMatchObject({ isTruncated: false })
    expect(whole.logs).toHaveLength(expected.length)
  })
})

describe('the indexes', () => {
  const skippedBy = async (filters: LogFilters): Promise<string> => {
    const statements: Sql[] = []
    await search(
      { filters },
      interrupted((_, statement) => void statements.push(statement)),
    )
    const lines = await seeded.store.query<{ explain: string }>(
      sql`EXPLAIN indexes = 1 ${statements[0] ?? sql.empty}`,
    )
    return lines.map(({ explain }) => explain).join('\n')
  }

  it.each<[string, LogFilters]>([
    ['body_words', { bodyWords: 'Absent' }],
    ['body_words', { bodyPhrases: ['absent phrase'] }],
    ['attribute_items', { attributes: [{ key: 'region', value: 'absent' }] }],
    ['trace_id_text', { traceId: traceId(99) }],
    ['resource_id_seen', { pod: 'nowhere' }],
  ])('%s serves %j', async (index, filters) => {
    const explained = await skippedBy(filters)
    expect(explained).toContain(`Name: ${index}`)
    expect(explained).toMatch(/Granules: 0\/[1-9]/)
  })

  it('of words is read instead of the body', async () => {
    expect(await skippedBy({ bodyWords: 'payment refused' })).toContain('__text_index_body_words')
  })
})

describe('counting log records', () => {
  const severityRangeOf = (severity: number): keyof SeverityCounts => {
    const names = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
    return severity === 0 ? 'unspecified' : (names[Math.ceil(severity / 4) - 1] ?? 'fatal')
  }

  it('counts by interval and severity what a look at every record counts', async () => {
    const below = seededIntegers(13)
    for (let round = 0; round < 16; round++) {
      const range = randomRange(below)
      const filters = randomFilters(below)
      const histogram = await createLogStore(seeded.store).countLogs(scope, { range, filters })
      expect(histogram).toMatchObject({ isComplete: true, searchedFromNanos: range.fromNanos })
      const { intervalNanos, intervals } = histogram
      const expected = intervals.map(({ startNanos }) => {
        const counts = { unspecified: 0, trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0 }
        for (const record of records)
          if (
            record.time >= startNanos &&
            record.time < startNanos + intervalNanos &&
            matches(record, range, filters)
          )
            counts[severityRangeOf(record.severity)] += 1
        return { startNanos, counts }
      })
      expect(intervals).toEqual(expected)
    }
  })

  it.each([
    1n,
    59n,
    60n,
    61n,
    nanosPerMilli,
    61_000n * nanosPerMilli,
    nanosPerHour,
    24n * nanosPerHour,
    400n * 24n * nanosPerHour,
    2000n * 24n * nanosPerHour,
  ])('cuts %d ns into at most 60 intervals that cover them', async (lengthNanos) => {
    for (const shift of lengthNanos > 1000n * nanosPerHour ? [1n] : [0n, 1n, 777_777_777n]) {
      const range = { fromNanos: midnight - lengthNanos + shift, toNanos: midnight + shift }
      const { intervalNanos, intervals } = await createLogStore(seeded.store).countLogs(scope, {
        range,
        filters: { service: 'nobody' },
      })
      expect(intervals.length).toBeLessThanOrEqual(60)
      const starts = intervals.map(({ startNanos }) => startNanos)
      expect(starts[0]).toBeLessThanOrEqual(range.fromNanos)
      expect((starts[0] ?? 0n) + intervalNanos).toBeGreaterThan(range.fromNanos)
      expect((starts.at(-1) ?? 0n) + intervalNanos).toBeGreaterThanOrEqual(range.toNanos)
      for (const [index, start] of starts.entries()) {
        expect(start % intervalNanos).toBe(0n)
        expect(start).toBe((starts[0] ?? 0n) + BigInt(index) * intervalNanos)
      }
    }
  })

  it('says how far back it has counted when its time is up', async () => {
    const clock = vi.spyOn(performance, 'now')
    const startedAt = performance.now()
    const store = interrupted((queryNumber) => {
      if (queryNumber === 0) clock.mockReturnValue(startedAt + 60_000)
    })
    const asked = { range: everything, filters: {} }
    const part = await createLogStore(store)
      .countLogs(scope, asked)
      .finally(() => clock.mockRestore())
    expect(part.isComplete).toBe(false)
    expect(part.searchedFromNanos).toBeGreaterThan(everything.fromNanos)
    const whole = await createLogStore(seeded.store).countLogs(scope, {
      ...asked,
      range: { ...everything, fromNanos: part.searchedFromNanos },
    })
    const totalOf = ({ intervals }: typeof whole): number =>
      intervals.flatMap(({ counts }) => Object.values(counts)).reduce((sum, count) => sum + count, 0)
    expect(totalOf(part)).toBe(totalOf(whole))
  })
})
