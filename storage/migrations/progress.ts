import type { Logger } from '#runtime/logger.ts'
import type { Progress } from './migration.ts'

const lineMillisMin = 3000
/** Before so much is done, what is left cannot be told: small partitions take a time that does not depend on their rows. */
const estimateFrom = 0.05

/** A line every few seconds while a step reports, and one at its end; nothing for a step that had nothing to report. */
export const createProgressLog = (
  logger: Logger,
  names: { migration: string; step: string },
): { report: (progress: Progress) => void; end: () => void } => {
  const startedAt = performance.now()
  let loggedAt = startedAt
  let latest: Progress | undefined
  const secondsSinceStart = (): number => Math.round((performance.now() - startedAt) / 1000)
  return {
    report: (progress) => {
      latest = progress
      if (performance.now() - loggedAt < lineMillisMin) return
      loggedAt = performance.now()
      const { rowsDone, rowsTotal, partitionsDone, partitionsTotal } = progress
      const secondsLeft =
        rowsDone < rowsTotal * estimateFrom
          ? undefined
          : Math.round((secondsSinceStart() * (rowsTotal - rowsDone)) / rowsDone)
      logger.info(
        { ...names, ...progress, secondsLeft },
        `${names.step}: ${partitionsDone} of ${partitionsTotal} partitions, ${rowsDone} of ${rowsTotal} rows`,
      )
    },
    end: () => {
      if (latest === undefined) return
      const seconds = secondsSinceStart()
      logger.info(
        { ...names, ...latest, seconds },
        `${names.step}: done, ${latest.rowsDone} rows in ${seconds} s`,
      )
    },
  }
}
