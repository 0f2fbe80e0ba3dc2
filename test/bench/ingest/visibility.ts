import { watch } from 'node:fs'
import { join } from 'node:path'
import { loadPosition } from '#collector/queue/position-file.ts'
import { monotonicMillis } from './clock.ts'
import type { Marker } from './open-loop.ts'

/**
 * When records can be read. The writer's position moves once a range is in the store; that is watched as a change of its file,
 * which costs the backend nothing. So that it is known to be true, a few markers are asked for through the API, each
 * time that the position has moved.
 */
export interface Visibility {
  look(this: void, marker: Marker): void
  /** Since a record was due, until the position had moved beyond its range; undefined if it never did. */
  visibleAtMillis(this: void, lastOffset: number): number | undefined
  /** Since each marker was due, until the API gave it. */
  markerMillis: readonly number[]
  markersOpen(this: void): number
  stop(): void
}

export const watchVisibility = (options: { dataDir: string; apiUrl: string }): Visibility => {
  const folder = join(options.dataDir, 'queue', 'otlp_spans', '0')
  const file = 'position.json'
  const moves: { atMillis: number; next: number }[] = []
  const markers = new Set<Marker>()
  const markerMillis: number[] = []
  let isLooking = false

  const onChange = async (): Promise<void> => {
    const atMillis = monotonicMillis()
    const position = await loadPosition(join(folder, file))
    if (position === undefined || position.next === moves.at(-1)?.next) return
    moves.push({ atMillis, next: position.next })
    if (isLooking) return
    isLooking = true
    await lookForMarkers().finally(() => (isLooking = false))
  }
  const lookForMarkers = async (): Promise<void> => {
    for (const marker of markers) {
      const response = await fetch(`${options.apiUrl}/api/v1/traces/${marker.traceId}`)
      const text = await response.text()
      if (response.status !== 200 || !text.includes(marker.spanId)) continue
      markerMillis.push(monotonicMillis() - marker.dueMillis)
      markers.delete(marker)
    }
  }
  const watcher = watch(folder, (_event, name) => {
    if (name === file) onChange().catch(() => undefined)
  })

  return {
    look: (marker) => void markers.add(marker),
    visibleAtMillis: (lastOffset) => {
      let from = 0
      for (let to = moves.length; from < to;) {
        const middle = (from + to) >>> 1
        if ((moves[middle]?.next ?? 0) > lastOffset) to = middle
        else from = middle + 1
      }
      return moves[from]?.atMillis
    },
    markerMillis,
    markersOpen: () => markers.size,
    stop: () => watcher.close(),
  }
}
