import type { SpanNode } from './model.ts'

/** The rows that are left when the children of collapsed spans are hidden, in order. */
export const visibleRows = (nodes: SpanNode[], collapsed: ReadonlySet<string>): SpanNode[] => {
  const rows: SpanNode[] = []
  for (let index = 0; index < nodes.length;) {
    const node = nodes[index]
    if (!node) break
    rows.push(node)
    index += collapsed.has(node.span.spanId) ? node.descendantCount + 1 : 1
  }
  return rows
}

export const collapseAll = (nodes: SpanNode[]): Set<string> =>
  new Set(nodes.filter((node) => node.childCount > 0).map((node) => node.span.spanId))

/** Hides the deepest level that is still shown. */
export const collapseOneLevel = (nodes: SpanNode[], collapsed: ReadonlySet<string>): Set<string> => {
  const open = visibleRows(nodes, collapsed).filter(
    (node) => node.childCount > 0 && !collapsed.has(node.span.spanId),
  )
  const deepest = Math.max(-1, ...open.map((node) => node.depth))
  return new Set([
    ...collapsed,
    ...open.filter((node) => node.depth === deepest).map((node) => node.span.spanId),
  ])
}

/** Opens the shallowest collapsed level. */
export const expandOneLevel = (nodes: SpanNode[], collapsed: ReadonlySet<string>): Set<string> => {
  const closed = visibleRows(nodes, collapsed).filter((node) => collapsed.has(node.span.spanId))
  const shallowest = Math.min(...closed.map((node) => node.depth))
  const opened = new Set(closed.filter((node) => node.depth === shallowest).map((node) => node.span.spanId))
  return new Set([...collapsed].filter((spanId) => !opened.has(spanId)))
}

/** `collapsed` without the ancestors of a span, so that the span can be seen. */
export const reveal = (
  nodes: SpanNode[],
  collapsed: ReadonlySet<string>,
  index: number,
): ReadonlySet<string> => {
  const ancestors = new Set<string>()
  for (let node = nodes[nodes[index]?.parentIndex ?? -1]; node; node = nodes[node.parentIndex])
    ancestors.add(node.span.spanId)
  return [...ancestors].some((spanId) => collapsed.has(spanId))
    ? new Set([...collapsed].filter((spanId) => !ancestors.has(spanId)))
    : collapsed
}

/** Spans whose name, service, status message or attributes contain the text. */
export const findSpans = (nodes: SpanNode[], text: string): Set<string> => {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return new Set()
  const matches = (value: string): boolean => value.toLowerCase().includes(wanted)
  return new Set(
    nodes
      .filter(
        ({ span }) =>
          matches(span.name) ||
          matches(span.serviceName) ||
          matches(span.statusMessage) ||
          matches(span.spanId) ||
          span.attributes.some(
            ({ key, value }) => matches(key) || matches(value) || matches(`${key}=${value}`),
          ),
      )
      .map(({ span }) => span.spanId),
  )
}
