import { useState, type FormEvent } from 'react'
import { RemoveButton } from '../../components/filter-chip.tsx'
import { Icon } from '../../components/icon.tsx'
import { Popover } from '../../components/popover.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { parseDuration, writeDuration, type TracesSearch } from '../../url/screens.ts'

type OnChange = (part: TracesSearch) => void

export const DurationFilter = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t, format } = useLocale()
  const { minDuration, maxDuration } = filters
  const isSet = minDuration !== undefined || maxDuration !== undefined
  const shown = (text: string): string => format.duration(parseDuration(text) ?? 0)
  const [operator, value] =
    minDuration !== undefined && maxDuration !== undefined
      ? ['=', `${shown(minDuration)} – ${shown(maxDuration)}`]
      : minDuration !== undefined
        ? ['≥', shown(minDuration)]
        : ['≤', shown(maxDuration ?? '')]
  const name = t('filter.duration')
  return (
    <span className={isSet ? 'chip is-set' : 'chip'}>
      <Popover
        className="chip-button"
        label={name}
        buttonLabel={
          <>
            <span className="chip-name">{name}</span>
            {isSet ? (
              <>
                <span className="chip-operator"> {operator} </span>
                <span className="chip-value">{value}</span>
              </>
            ) : (
              <Icon name="down" size={12} />
            )}
          </>
        }
      >
        {(close) => (
          <DurationForm
            filters={filters}
            onApply={(part) => {
              onChange(part)
              close()
            }}
          />
        )}
      </Popover>
      {isSet && (
        <RemoveButton
          name={name}
          onRemove={() => onChange({ minDuration: undefined, maxDuration: undefined })}
          title={t('filter.remove', { name })}
        />
      )}
    </span>
  )
}

const presets = ['100ms', '500ms', '1s', '5s']

const DurationForm = ({ filters, onApply }: { filters: TracesSearch; onApply: OnChange }) => {
  const { t, format } = useLocale()
  const [min, setMin] = useState(filters.minDuration ?? '')
  const [max, setMax] = useState(filters.maxDuration ?? '')
  const isWrong = (text: string): boolean => text.trim() !== '' && parseDuration(text) === undefined
  const read = (text: string): string | undefined => {
    const nanos = parseDuration(text)
    return nanos === undefined ? undefined : writeDuration(nanos)
  }
  const minNanos = parseDuration(min)
  const maxNanos = parseDuration(max)
  const isEmptyRange = minNanos !== undefined && maxNanos !== undefined && minNanos > maxNanos
  const isReady = !isWrong(min) && !isWrong(max) && !isEmptyRange
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (isReady) onApply({ minDuration: read(min), maxDuration: read(max) })
  }
  return (
    <form className="filter-form" onSubmit={submit}>
      <div className="preset-row" role="group" aria-label={t('filter.minDuration')}>
        {presets.map((preset) => (
          <button
            key={preset}
            type="button"
            className="tag"
            onClick={() => onApply({ minDuration: preset, maxDuration: undefined })}
          >
            ≥ {format.duration(parseDuration(preset) ?? 0)}
          </button>
        ))}
      </div>
      <label className="field">
        <span className="field-label">{t('filter.minDuration')}</span>
        <input
          data-autofocus
          className="input"
          value={min}
          onChange={(event) => setMin(event.target.value)}
          placeholder="250ms"
          aria-invalid={isWrong(min)}
          autoComplete="off"
        />
      </label>
      <label className="field">
        <span className="field-label">{t('filter.maxDuration')}</span>
        <input
          className="input"
          value={max}
          onChange={(event) => setMax(event.target.value)}
          placeholder="1.5s"
          aria-invalid={isWrong(max)}
          autoComplete="off"
        />
      </label>
      {!isReady && (
        <p className="field-error">{isEmptyRange ? t('filter.durationOrder') : t('filter.durationWrong')}</p>
      )}
      <button type="submit" className="button primary" disabled={!isReady}>
        {t('action.apply')}
      </button>
    </form>
  )
}
