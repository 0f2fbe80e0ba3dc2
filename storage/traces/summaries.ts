import type { Store } from '../connection.ts'
import { type ReadScope, durationOf } from '../read-scope.ts'
import { readResources } from '../resource-rows.ts'
import type { TraceFigures } from './figures.ts'
import type { FoundTrace } from './trace-store.ts'

/** Summaries of traces that match, in the order given. */
export const summariesOf = async (
  store: Store,
  scope: ReadScope,
  figures: readonly TraceFigures[],
): Promise<FoundTrace[]> => {
  const kept = figures.flatMap(({ matched, ...whole }) =>
    matched === undefined ? [] : [{ ...whole, matched }],
  )
  const resources = await readResources(
    store,
    scope,
    kept.flatMap(({ parts, lead, matched }) => [
      ...parts.map(({ resourceId }) => resourceId),
      lead.resourceId,
      matched.resourceId,
    ]),
  )
  return kept.map(({ traceId, startNanos, endNanos, spanCount, errorCount, lead, parts, matched }) => ({
    traceId,
    startTimeUnixNano: startNanos.toString(),
    durationNanos: durationOf(endNanos - startNanos),
    lead: { resource: resources.get(lead.resourceId), operation: lead.operation },
    hasRoot: lead.isRoot,
    spanCount,
    errorCount,
    parts: parts.map((part) => ({
      resource: resources.get(part.resourceId),
      spanCount: part.spanCount,
      errorCount: part.errorCount,
    })),
    matched: {
      resource: resources.get(matched.resourceId),
      operation: matched.operation,
      durationNanos: durationOf(matched.durationNanos),
      startTimeUnixNano: matched.startNanos.toString(),
      isError: matched.isError,
    },
  }))
}
