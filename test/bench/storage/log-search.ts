import { createLogStore } from '#storage/logs/create-log-store.ts'
import type { LogFilters } from '#storage/logs/log-store.ts'
import { type Sql, sql } from '#storage/sql.ts'
import { absentWord, serviceNames, wordOneInMillion, wordOneInTen, wordOneInThousand } from '../corpus.ts'
import type { KnownWords } from '../corpus/known-values.ts'
import { exporterLogs } from '../exporter-schema.ts'
import { type Setup, printHeading, printTimes, repeat, timed } from './measuring.ts'

const limit = 100
const readsMax = 40

/** The newest records by service, severity and words, over our table and the exporter's with its text indexes. */
export const compareLogSearch = async ({ store, filled, readCount, hours }: Setup): Promise<void> => {
  printHeading(`newest ${limit} log records, ${hours} h`)
  const logs = createLogStore(store)
  const range = { fromNanos: filled.fromNanos, toNanos: filled.toNanos }
  const count = Math.min(readCount, readsMax)
  const serviceOf = (index: number): string => serviceNames[index % serviceNames.length] ?? ''
  const searches: Record<string, { filters: (index: number) => LogFilters; where: (index: number) => Sql }> =
    {
      'of all': { filters: () => ({}), where: () => sql`1` },
      'of a service': {
        filters: (index) => ({ service: serviceOf(index) }),
        where: (index) => sql`ServiceName = ${sql.string(serviceOf(index))}`,
      },
      'of a service, errors': {
        filters: (index) => ({ service: serviceOf(index), minSeverity: 17 }),
        where: (index) => sql`ServiceName = ${sql.string(serviceOf(index))} AND SeverityNumber >= 17`,
      },
      'with a word of 1 in 10': byWord(wordOneInTen),
      'with a word of 1 in 10^3': byWord(wordOneInThousand),
      'with a word of 1 in 10^6': byWord(wordOneInMillion),
      'with a word that is absent': byWord(absentWord),
    }
  const { name } = exporterLogs()
  for (const [what, { filters, where }] of Object.entries(searches)) {
    printTimes(
      `ours ${what}`,
      await timed(
        store,
        repeat(count, (index) =>
          logs.searchLogs({ tenant: 'default' }, { range, filters: filters(index), limit }),
        ),
      ),
    )
    printTimes(
      `${name} ${what}`,
      await timed(
        store,
        repeat(Math.min(count, 20), (index) =>
          store.query(
            sql`SELECT * FROM ${sql.identifier(name)} WHERE ${where(index)} ORDER BY toStartOfFiveMinutes(Timestamp) DESC, Timestamp DESC LIMIT ${sql.uint64(limit)}`,
          ),
        ),
      ),
    )
  }
}

const byWord = (words: KnownWords) => {
  const wordOf = (index: number): string => words.word((index * 7919) % words.wordCount)
  return {
    filters: (index: number): LogFilters => ({ bodyWords: wordOf(index) }),
    where: (index: number): Sql => sql`hasToken(lower(Body), ${sql.string(wordOf(index))})`,
  }
}
