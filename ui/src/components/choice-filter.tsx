import { useId, useState, type KeyboardEvent } from 'react'
import { useLocale } from '../messages/use-locale.tsx'
import { RemoveButton } from './filter-chip.tsx'
import { Icon } from './icon.tsx'
import { Popover } from './popover.tsx'

export interface Choice {
  value: string
  label: string
  detail?: string
}

const choicesShownMax = 200

/** A filter that is one of a list: a chip that opens a searchable list, and can be removed once it is set. */
export const ChoiceFilter = ({
  name,
  value,
  shown = value,
  choices,
  isLoading = false,
  allowsOther = false,
  onToggle,
  onChange,
}: {
  name: string
  value: string | undefined
  /** The value as a person reads it. */
  shown?: string | undefined
  choices: Choice[]
  isLoading?: boolean
  /** What is typed may be used although it is not in the list. */
  allowsOther?: boolean
  /** The list opens or closes: a list that nobody opens need not cost a request. */
  onToggle?: ((isOpen: boolean) => void) | undefined
  onChange: (value: string | undefined) => void
}) => {
  const { t } = useLocale()
  const isSet = value !== undefined
  return (
    <span className={isSet ? 'chip is-set' : 'chip'}>
      <Popover
        className="chip-button"
        label={name}
        onToggle={onToggle}
        {...(isSet ? { title: `${name} = ${shown}` } : {})}
        buttonLabel={
          <>
            <span className="chip-name">{name}</span>
            {isSet && (
              <>
                <span className="chip-operator"> = </span>
                <span className="chip-value">{shown}</span>
              </>
            )}
            {!isSet && <Icon name="down" size={12} />}
          </>
        }
      >
        {(close) => (
          <ChoiceList
            name={name}
            value={value}
            choices={choices}
            isLoading={isLoading}
            allowsOther={allowsOther}
            onPick={(picked) => {
              onChange(picked)
              close()
            }}
          />
        )}
      </Popover>
      {isSet && (
        <RemoveButton name={name} onRemove={() => onChange(undefined)} title={t('filter.remove', { name })} />
      )}
    </span>
  )
}

const ChoiceList = ({
  name,
  value,
  choices,
  isLoading,
  allowsOther,
  onPick,
}: {
  name: string
  value: string | undefined
  choices: Choice[]
  isLoading: boolean
  allowsOther: boolean
  onPick: (value: string) => void
}) => {
  const { t } = useLocale()
  const id = useId()
  const [input, setInput] = useState('')
  const [active, setActive] = useState(0)
  const wanted = input.trim().toLowerCase()
  const matching = choices.filter((choice) => choice.label.toLowerCase().includes(wanted))
  const other = allowsOther && wanted !== '' && !choices.some((choice) => choice.label === input.trim())
  const options = [...matching, ...(other ? [{ value: input.trim(), label: input.trim() }] : [])].slice(
    0,
    choicesShownMax,
  )
  const optionId = (index: number): string => `${id}-${index}`
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined) {
      event.preventDefault()
      const next = Math.min(Math.max(active + step, 0), Math.max(options.length - 1, 0))
      setActive(next)
      document.getElementById(optionId(next))?.scrollIntoView({ block: 'nearest' })
    }
    if (event.key === 'Enter') {
      event.preventDefault()
      const picked = options[active]
      if (picked) onPick(picked.value)
    }
  }
  return (
    <div className="choice-list">
      <input
        data-autofocus
        className="input"
        role="combobox"
        aria-label={name}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={options[active] ? optionId(active) : undefined}
        value={input}
        placeholder={t('filter.find')}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          setInput(event.target.value)
          setActive(0)
        }}
        onKeyDown={onKeyDown}
      />
      <div id={`${id}-list`} role="listbox" aria-label={name} className="choices">
        {options.map((choice, index) => (
          // The keys are handled by the field that owns the list.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={choice.value}
            id={optionId(index)}
            role="option"
            tabIndex={-1}
            aria-selected={choice.value === value}
            className={index === active ? 'choice is-active' : 'choice'}
            onPointerMove={() => setActive(index)}
            onClick={() => onPick(choice.value)}
          >
            <span className="choice-label" title={choice.label}>
              {choice.label}
            </span>
            {choice.detail && <span className="choice-detail">{choice.detail}</span>}
          </div>
        ))}
      </div>
      {options.length === 0 && <p className="none">{isLoading ? t('loading') : t('filter.noChoice')}</p>}
    </div>
  )
}
