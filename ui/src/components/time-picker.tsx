import { useState, type FormEvent } from 'react'
import type { Format } from '../format.ts'
import { useLocale } from '../messages/use-locale.tsx'
import type { Translate } from '../messages/translate.ts'
import { usePreference, zonePreference } from '../preferences.ts'
import { readFreeText } from '../time/free-text.ts'
import { lastDuration, resolveTime, writeDate } from '../time/grammar.ts'
import { absoluteRange, quickRanges, resolveRange, zoomOut, type RangeText } from '../time/range.ts'
import { useTimeRange, type TimeRange } from '../time/use-time-range.tsx'
import { Icon } from './icon.tsx'
import { Popover } from './popover.tsx'

export const TimePicker = () => {
  const { t, format } = useLocale()
  const time = useTimeRange()
  const label = rangeLabel(time, t, format)
  return (
    <div className="button-group">
      <Popover
        className="button time-button"
        label={t('time.pick')}
        title={format.range(time.range.fromMillis, time.range.toMillis)}
        align="end"
        buttonLabel={
          <>
            <Icon name="clock" />
            <span className="visually-hidden">{t('time.range')}: </span>
            <span className="time-label">{label}</span>
            <span className="time-zone">{format.zoneOffset(time.range.fromMillis)}</span>
            <Icon name="down" size={12} />
          </>
        }
      >
        {(close) => <TimeForm time={time} onDone={close} />}
      </Popover>
      <button
        type="button"
        className="button icon-only"
        onClick={() => time.setRange(zoomOut(time.text, time.range, time.nowMillis))}
        title={`${t('time.zoomOut')} (t −)`}
        aria-label={t('time.zoomOut')}
      >
        <ZoomOutIcon />
      </button>
    </div>
  )
}

const ZoomOutIcon = () => (
  <svg className="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14M4.8 7h4.4" />
  </svg>
)

/** "Last 15 min" where it is that simple, the two instants otherwise. */
const rangeLabel = ({ text, range }: TimeRange, t: Translate, format: Format): string => {
  const last = lastDuration(text.from, text.to)
  if (!last) return format.range(range.fromMillis, range.toMillis)
  return lastLabel(last, t)
}

const lastLabel = ({ count, unit }: { count: number; unit: string }, t: Translate): string => {
  if (unit === 's') return t('time.lastSeconds', { count })
  if (unit === 'm') return t('time.lastMinutes', { count })
  if (unit === 'h') return t('time.lastHours', { count })
  if (unit === 'w') return t('time.lastWeeks', { count })
  if (unit === 'M') return t('time.lastMonths', { count })
  if (unit === 'y') return t('time.lastYears', { count })
  return t('time.lastDays', { count })
}

const TimeForm = ({ time, onDone }: { time: TimeRange; onDone: () => void }) => {
  const { t, format } = useLocale()
  const apply = (text: RangeText): void => {
    time.setRange(text)
    onDone()
  }
  return (
    <div className="time-form">
      <QuickRanges current={time.text} onPick={apply} />
      <div className="time-fields">
        <FreeText time={time} onPick={apply} />
        <AbsoluteFields time={time} onPick={apply} />
        <div className="time-foot">
          <ZoneSwitch timeZone={format.timeZone} offset={format.zoneOffset(time.range.fromMillis)} />
          <button
            type="button"
            className="link-button"
            onClick={() => apply(absoluteRange(time.range))}
            title={t('time.pinHint')}
          >
            {t('time.pin')}
          </button>
        </div>
      </div>
    </div>
  )
}

const QuickRanges = ({ current, onPick }: { current: RangeText; onPick: (text: RangeText) => void }) => {
  const { t } = useLocale()
  return (
    <ul className="quick-ranges" aria-label={t('time.quick')}>
      {quickRanges.map((length) => {
        const range = { from: `now-${length}`, to: 'now' }
        const isCurrent = current.from === range.from && current.to === 'now'
        const last = lastDuration(range.from, range.to)
        return (
          <li key={length}>
            <button
              type="button"
              className="menu-item"
              aria-pressed={isCurrent}
              onClick={() => onPick(range)}
            >
              {last && lastLabel(last, t)}
            </button>
          </li>
        )
      })}
    </ul>
  )
}

const FreeText = ({ time, onPick }: { time: TimeRange; onPick: (text: RangeText) => void }) => {
  const { t } = useLocale()
  const zone = usePreference(zonePreference)
  const [input, setInput] = useState('')
  const [isWrong, setWrong] = useState(false)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const range = readFreeText(input, { nowMillis: time.nowMillis, zone })
    if (range) onPick(range)
    else setWrong(true)
  }
  return (
    <form onSubmit={submit} noValidate>
      <label className="field">
        <span className="field-label">{t('time.free')}</span>
        <input
          data-autofocus
          className="input"
          value={input}
          onChange={(event) => {
            setInput(event.target.value)
            setWrong(false)
          }}
          placeholder={t('time.freeExample')}
          aria-invalid={isWrong}
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      {isWrong && (
        <p className="field-error" role="alert">
          {t('time.freeWrong')}
        </p>
      )}
    </form>
  )
}

const AbsoluteFields = ({ time, onPick }: { time: TimeRange; onPick: (text: RangeText) => void }) => {
  const { t } = useLocale()
  const zone = usePreference(zonePreference)
  const context = { nowMillis: time.nowMillis, zone }
  const [from, setFrom] = useState(writeDate(time.range.fromMillis, zone))
  const [to, setTo] = useState(writeDate(time.range.toMillis, zone))
  const isFromWrong = resolveTime(from, { ...context, rounding: 'down' }) === undefined
  const isToWrong = resolveTime(to, { ...context, rounding: 'up' }) === undefined
  const range = resolveRange({ from, to }, context)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (!range) return
    const absolute = absoluteRange(range)
    const keep = (text: string, millis: string): string =>
      text.trim().startsWith('now') ? text.trim() : millis
    onPick({ from: keep(from, absolute.from), to: keep(to, absolute.to) })
  }
  return (
    <form className="absolute-fields" onSubmit={submit} noValidate>
      <label className="field">
        <span className="field-label">{t('time.from')}</span>
        <input
          className="input"
          value={from}
          onChange={(event) => setFrom(event.target.value)}
          aria-invalid={isFromWrong}
          spellCheck={false}
        />
      </label>
      <label className="field">
        <span className="field-label">{t('time.to')}</span>
        <input
          className="input"
          value={to}
          onChange={(event) => setTo(event.target.value)}
          aria-invalid={isToWrong}
          spellCheck={false}
        />
      </label>
      <button type="submit" className="button primary" disabled={!range}>
        {t('action.apply')}
      </button>
      {!range && !isFromWrong && !isToWrong && <p className="field-error">{t('time.empty')}</p>}
    </form>
  )
}

const ZoneSwitch = ({ timeZone, offset }: { timeZone: string; offset: string }) => {
  const { t } = useLocale()
  const zone = usePreference(zonePreference)
  return (
    <button
      type="button"
      className="link-button"
      onClick={() => zonePreference.set(zone === 'utc' ? 'local' : 'utc')}
      title={zone === 'utc' ? t('time.useLocal') : t('time.useUtc')}
    >
      {timeZone === 'UTC' ? 'UTC' : `${timeZone} (${offset})`} ⇄
    </button>
  )
}
