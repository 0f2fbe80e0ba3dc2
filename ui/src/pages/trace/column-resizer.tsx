import type { KeyboardEvent, PointerEvent } from 'react'
import { useLocale } from '../../messages/use-locale.tsx'
import { nameColumnPreference, usePreference } from '../../preferences.ts'

const widthMin = 200
const widthMax = 900
const stepPixels = 20

/** The border between names and bars; dragged, or moved with the arrow keys. */
export const ColumnResizer = () => {
  const { t } = useLocale()
  const width = Number(usePreference(nameColumnPreference))
  const set = (pixels: number): void =>
    nameColumnPreference.set(String(Math.round(Math.min(Math.max(pixels, widthMin), widthMax))))
  const onPointerMove = (event: PointerEvent<HTMLElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const left = event.currentTarget.parentElement?.getBoundingClientRect().left ?? 0
    set(event.clientX - left)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -stepPixels, ArrowRight: stepPixels }[event.key]
    if (step === undefined) return
    event.preventDefault()
    set(width + step)
  }
  return (
    // A separator that can be moved is a control; the rule knows only the other kind.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={t('trace.resize')}
      aria-valuenow={width}
      aria-valuemin={widthMin}
      aria-valuemax={widthMax}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="column-resizer"
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={onPointerMove}
      onKeyDown={onKeyDown}
    />
  )
}
