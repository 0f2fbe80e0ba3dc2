import { Icon } from './icon.tsx'

/** The field that `/` goes to. Escape empties it first, then leaves it. */
export const SearchField = ({
  label,
  placeholder,
  value,
  onChange,
  onSubmit,
  isInvalid = false,
}: {
  label: string
  placeholder?: string
  value: string
  onChange: (value: string) => void
  onSubmit?: () => void
  isInvalid?: boolean
}) => (
  <label className="search-field">
    <Icon name="search" size={14} />
    <span className="visually-hidden">{label}</span>
    <input
      type="search"
      value={value}
      placeholder={placeholder ?? label}
      aria-invalid={isInvalid}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') onSubmit?.()
        if (event.key !== 'Escape') return
        event.preventDefault()
        event.stopPropagation()
        if (value === '') event.currentTarget.blur()
        else onChange('')
      }}
    />
    <kbd aria-hidden="true">/</kbd>
  </label>
)
