import { parseDuration, readAttributeFilter, writeDuration } from '../../url/screens.ts'

export type SearchText =
  | { traceId: string }
  | { attribute: string }
  | { minDuration: string }
  | { maxDuration: string }

/** Undefined if the text is none of: a trace id (bare or inside a `traceparent`), `>500ms`, `<2s`, `key=value`. */
export const readSearchText = (input: string): SearchText | undefined => {
  const text = input.trim()
  const traceId = /^(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/i.exec(text)?.[1]
  if (traceId) return { traceId: traceId.toLowerCase() }
  const [, operator, duration] = /^([<>])=?\s*(.+)$/.exec(text) ?? []
  const nanos = parseDuration(duration ?? '')
  if (nanos !== undefined)
    return operator === '>' ? { minDuration: writeDuration(nanos) } : { maxDuration: writeDuration(nanos) }
  const filter = readAttributeFilter(text)
  return filter && filter.key !== '' ? { attribute: `${filter.key}=${filter.value.trim()}` } : undefined
}
