import { type Distribution, distributionOf, growthPerMinute } from './figures.ts'
import { outcomes, type Outcome } from './outcome.ts'
import type { Trial } from './trial.ts'

const mebibyte = 2 ** 20

export const printTrial = (trial: Trial): void => {
  const spans = spansByOutcome(trial)
  const sent = [...spans.values()].reduce((sum, count) => sum + count, 0)
  const acknowledged = spans.get(outcomes.acknowledged) ?? 0
  const answered = trial.records.filter(({ outcome }) => outcome === outcomes.acknowledged)
  const perSpan = (cpuSeconds: number): string => `${((cpuSeconds * 1e6) / acknowledged).toFixed(1)} µs`
  const { cpu, audit, eventLoopDelay } = trial
  const lines: [string, string][] = [
    ['rate', `${trial.spansPerSecond} spans/s for ${trial.seconds} s`],
    ['due', `${sent} spans in ${trial.records.length} exports`],
    ['acknowledged', `${acknowledged} spans (${Math.round(acknowledged / trial.elapsedSeconds)}/s)`],
    ['refused, to come again', `${spans.get(outcomes.refusedRetryable) ?? 0} spans`],
    ['refused for good', `${spans.get(outcomes.refusedForGood) ?? 0} spans`],
    ['no answer', `${spans.get(outcomes.unknown) ?? 0} spans`],
    ['not sent', `${spans.get(outcomes.notSent) ?? 0} spans`],
    ['spans by answer', listOf(trial.spansByCode)],
    ['faults of refusals', trial.faults.size === 0 ? 'none' : listOf(trial.faults)],
    [
      'acknowledged after',
      shown(distributionOf(answered.map(({ answeredAfterMillis }) => answeredAfterMillis))),
    ],
    ['visible after', shown(distributionOf(trial.visibleAfterMillis))],
    [
      'markers, through the API',
      `${shown(distributionOf(trial.markerMillis))}, ${trial.markersMissed} not found`,
    ],
    [
      'all written',
      `${trial.writtenAfterSeconds?.toFixed(1) ?? 'not in time, '} s after the end, ${mebibytes(trial.backlogBytesAtEnd)} were waiting`,
    ],
    [
      'CPU a span',
      `${perSpan(cpu.untilRestSeconds)} until ${cpu.isAtRest ? 'at rest' : 'the deadline, NOT AT REST'}, ${perSpan(cpu.whileSendingSeconds)} while it was sent`,
    ],
    ['cores while sending', (cpu.whileSendingSeconds / trial.elapsedSeconds).toFixed(2)],
    ['CPU by thread', threadsOf(cpu.byThread, acknowledged)],
    [
      'event-loop delay',
      `p50 ${eventLoopDelay.p50.toFixed(0)}  p99 ${eventLoopDelay.p99.toFixed(0)}  max ${eventLoopDelay.max.toFixed(0)} ms`,
    ],
    ['its own figures', ownFiguresOf(trial, acknowledged)],
    ['memory', memoryOf(trial)],
    [
      'stored',
      `${mebibytes(trial.storedBytes)}, ${(trial.storedBytes / acknowledged).toFixed(1)} bytes a span`,
    ],
    [
      'sender',
      `${(trial.cpuSeconds / trial.elapsedSeconds).toFixed(2)} cores; sent after it was due: ${shown(distributionOf(trial.lateMillis))}`,
    ],
  ]
  if (audit !== undefined) {
    const { missingSpans, doubledRows, strangeSpans, refusedYetStoredSpans, unknownYetStoredSpans } = audit
    lines.push([
      'in the store',
      `${audit.storedSpans} spans; acknowledged and missing ${missingSpans}, doubled ${doubledRows}, never sent ${strangeSpans}, refused ${refusedYetStoredSpans}, not answered ${unknownYetStoredSpans}`,
    ])
  }
  process.stdout.write(`${lines.map(([name, text]) => `${name.padEnd(26)}${text}`).join('\n')}\n\n`)
}

export const spansByOutcome = ({ records }: Trial): Map<Outcome, number> => {
  const spans = new Map<Outcome, number>()
  for (const { outcome, spanCount } of records) spans.set(outcome, (spans.get(outcome) ?? 0) + spanCount)
  return spans
}

/** Nothing that was acknowledged is missing, nothing is there twice, and refusals are such that a sender can come again. */
export const isSound = (trial: Trial): boolean => {
  const { audit, faults } = trial
  if (audit === undefined || faults.size > 0) return false
  const { missingSpans, doubledRows, strangeSpans, refusedYetStoredSpans } = audit
  const isStoreRight = missingSpans + doubledRows + strangeSpans + refusedYetStoredSpans === 0
  return isStoreRight && (spansByOutcome(trial).get(outcomes.refusedForGood) ?? 0) === 0
}

const shown = ({ count, p50, p95, p99, max }: Distribution): string =>
  count === 0
    ? 'none'
    : `p50 ${p50.toFixed(0)}  p95 ${p95.toFixed(0)}  p99 ${p99.toFixed(0)}  max ${max.toFixed(0)} ms (${count})`

const mebibytes = (bytes: number): string => `${(bytes / mebibyte).toFixed(0)} MiB`

const listOf = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, count]) => `${name}: ${count}`).join(', ')

const ownFiguresOf = ({ ownFigures: { syncs, inserts } }: Trial, spanCount: number): string =>
  `${syncs.count} syncs of the queue in ${syncs.meanMillis.toFixed(0)} ms each, ${inserts.count} inserts of ${Math.round(spanCount / Math.max(1, inserts.count))} spans in ${inserts.meanMillis.toFixed(0)} ms each`

const threadsShown = 8

const threadsOf = (byThread: ReadonlyMap<string, number>, spanCount: number): string =>
  [...byThread]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, threadsShown)
    .map(([name, seconds]) => `${name} ${((seconds * 1e6) / spanCount).toFixed(2)} µs`)
    .join(', ')

/** Resident memory, and block files beside it, which are memory too; growth is that of the second half of the run. */
const memoryOf = ({ memory, seconds }: Trial): string => {
  const startMillis = memory[0]?.atMillis ?? 0
  const sums = memory.map(({ atMillis, residentBytes, blockFileBytes }) => ({
    atMillis,
    value: residentBytes + blockFileBytes,
  }))
  const highest = (pick: (sample: Trial['memory'][number]) => number): number =>
    memory.reduce((most, sample) => Math.max(most, pick(sample)), 0)
  const later = sums.filter(
    ({ atMillis }) => atMillis - startMillis >= seconds * 500 && atMillis - startMillis <= seconds * 1000,
  )
  const most = sums.reduce((top, { value }) => Math.max(top, value), 0)
  const course = [0.1, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = sums.findLast(({ atMillis }) => atMillis - startMillis <= seconds * 1000 * share)
    return ((at?.value ?? 0) / mebibyte).toFixed(0)
  })
  return `highest ${mebibytes(most)} (resident ${mebibytes(highest(({ residentBytes }) => residentBytes))}, of it shared ${mebibytes(highest(({ sharedBytes }) => sharedBytes))}, in ${highest(({ processCount }) => processCount)} processes; block files ${mebibytes(highest(({ blockFileBytes }) => blockFileBytes))}); after 10, 25, 50, 75, 100 % of the time ${course.join(', ')} MiB; ${(growthPerMinute(later) / mebibyte).toFixed(1)} MiB a minute in the second half`
}
