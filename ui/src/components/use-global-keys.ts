import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { absoluteRange, shiftRange, zoomIn, zoomOut } from '../time/range.ts'
import { useTimeRange } from '../time/use-time-range.tsx'

/** The second key of a two-key shortcut must follow within this time. */
const sequenceMillis = 1200

/** Shortcuts that work on every screen. Keys typed into a field are left alone. */
export const useGlobalKeys = ({ onHelp }: { onHelp: () => void }): void => {
  const time = useTimeRange()
  const navigate = useNavigate()
  const act = {
    '?': onHelp,
    '/': focusSearch,
    r: time.refresh,
    't -': () => time.setRange(zoomOut(time.text, time.range, time.nowMillis)),
    't +': () => time.setRange(zoomIn(time.text, time.range)),
    't =': () => time.setRange(zoomIn(time.text, time.range)),
    't ArrowLeft': () => time.setRange(shiftRange(time.range, 'back', time.nowMillis)),
    't ArrowRight': () => time.setRange(shiftRange(time.range, 'forward', time.nowMillis)),
    't a': () => time.setRange(absoluteRange(time.range)),
    'g s': () => void navigate({ to: '/services' }),
    'g t': () => void navigate({ to: '/traces' }),
    'g p': () => void navigate({ to: '/pods' }),
  } as Record<string, (() => void) | undefined>
  // The listener is set up once; what the keys do changes with the range.
  const acts = useRef(act)
  useEffect(() => {
    acts.current = act
  })

  useEffect(() => {
    let prefix: { key: string; atMillis: number } | undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
      const isSequence = prefix !== undefined && event.timeStamp - prefix.atMillis < sequenceMillis
      const combination = isSequence && prefix ? `${prefix.key} ${event.key}` : event.key
      prefix =
        !isSequence && (event.key === 't' || event.key === 'g')
          ? { key: event.key, atMillis: event.timeStamp }
          : undefined
      const run = acts.current[combination]
      if (!run) return
      event.preventDefault()
      // Keys of a sequence must not also move a selection in the screen below.
      event.stopPropagation()
      run()
    }
    // In the capture phase: after `t`, an arrow belongs to us and not to the table that has the focus.
    window.addEventListener('keydown', onKey, { capture: true })
    return () => window.removeEventListener('keydown', onKey, { capture: true })
  }, [])
}

export const isTyping = (event: KeyboardEvent): boolean =>
  event.target instanceof HTMLElement &&
  (event.target.isContentEditable ||
    event.target.closest('input, textarea, select, dialog, [role="dialog"]') !== null)

const focusSearch = (): void => {
  const field = document.querySelector<HTMLInputElement>('input[type="search"]')
  field?.focus()
  field?.select()
}
