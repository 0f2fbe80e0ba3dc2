import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import { usePreference, zonePreference } from '../preferences.ts'
import { refreshMillis, type RefreshInterval } from '../url/screens.ts'
import { isRelative, type TimeZoneChoice } from './grammar.ts'
import { defaultRange, resolveRange, type RangeText, type ResolvedRange } from './range.ts'

export interface TimeRange {
  text: RangeText
  range: ResolvedRange
  /** The instant that `now` means on this screen; it moves with each refresh. */
  nowMillis: number
  /** The URL's range cannot be read; the default is shown instead. */
  isInvalid: boolean
  refreshInterval: RefreshInterval | undefined
  /** Adds to the browser's history, so that going back undoes it. */
  setRange: (text: RangeText) => void
  setRefreshInterval: (interval: RefreshInterval | undefined) => void
  refresh: () => void
}

const TimeRangeContext = createContext<TimeRange | undefined>(undefined)

/** The one time range of all screens. It is resolved here once, so that charts, tables and requests agree on `now`. */
export const TimeRangeProvider = ({ children }: { children: ReactNode }) => {
  const { from, to, refresh: refreshInterval } = useSearch({ from: '__root__' })
  const zone = usePreference(zonePreference)
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [refreshCount, setRefreshCount] = useState(0)

  const resolved = useMemo(
    () => resolveNow({ from, to }, { zone, refreshCount }),
    [from, to, zone, refreshCount],
  )

  const isMoving = isRelative(from) || isRelative(to)
  const refresh = useCallback(() => {
    setRefreshCount((count) => count + 1)
    // A moving range asks anew under a new key by itself; only what has no range in its key must be told.
    void queryClient.invalidateQueries(
      isMoving ? { predicate: ({ queryKey }) => !queryKey.some(isResolvedRange) } : {},
    )
  }, [isMoving, queryClient])

  useEffect(() => {
    if (!refreshInterval) return undefined
    const timer = setInterval(() => {
      if (!document.hidden) refresh()
    }, refreshMillis[refreshInterval])
    return () => clearInterval(timer)
  }, [refreshInterval, refresh])

  const value = useMemo<TimeRange>(
    () => ({
      ...resolved,
      refreshInterval,
      refresh,
      setRange: (text) => void navigate({ to: '.', search: (previous) => ({ ...previous, ...text }) }),
      setRefreshInterval: (interval) =>
        void navigate({ to: '.', search: (previous) => ({ ...previous, refresh: interval }), replace: true }),
    }),
    [resolved, refreshInterval, refresh, navigate],
  )
  return <TimeRangeContext value={value}>{children}</TimeRangeContext>
}

export const useTimeRange = (): TimeRange => {
  const value = use(TimeRangeContext)
  if (!value) throw new Error('useTimeRange needs TimeRangeProvider above it')
  return value
}

/** Reads the clock: the same text means another range after each refresh. */
const resolveNow = (
  text: RangeText,
  { zone, refreshCount }: { zone: TimeZoneChoice; refreshCount: number },
) => {
  const nowMillis = Date.now()
  const given = resolveRange(text, { nowMillis, zone })
  const fallback = { fromMillis: nowMillis - 3_600_000, toMillis: nowMillis }
  return given
    ? { text, range: given, nowMillis, isInvalid: false, refreshCount }
    : { text: defaultRange, range: fallback, nowMillis, isInvalid: true, refreshCount }
}

const isResolvedRange = (part: unknown): boolean =>
  typeof part === 'object' && part !== null && 'fromMillis' in part
