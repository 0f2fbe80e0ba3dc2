import { useLocale } from '../messages/use-locale.tsx'
import { Icon } from './icon.tsx'

/** A filter in force; the cross removes it. */
export const FilterChip = ({
  name,
  value,
  onRemove,
}: {
  name: string
  value: string
  onRemove: () => void
}) => {
  const { t } = useLocale()
  return (
    <span className="chip is-set">
      <span className="chip-text" title={`${name} = ${value}`}>
        <span className="chip-name">{name}</span> <span className="chip-operator">=</span>{' '}
        <span className="chip-value">{value}</span>
      </span>
      <RemoveButton name={name} onRemove={onRemove} title={t('filter.remove', { name })} />
    </span>
  )
}

export const RemoveButton = ({
  name,
  onRemove,
  title,
}: {
  name: string
  onRemove: () => void
  title: string
}) => (
  <button
    type="button"
    className="chip-remove"
    onClick={onRemove}
    aria-label={title}
    title={title}
    data-filter={name}
  >
    <Icon name="close" size={12} />
  </button>
)
