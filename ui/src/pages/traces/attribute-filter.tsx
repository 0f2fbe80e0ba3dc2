import { useState, type FormEvent } from 'react'
import { Icon } from '../../components/icon.tsx'
import { Popover } from '../../components/popover.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import type { TracesSearch } from '../../url/screens.ts'

/** Keys that people ask for most; any other can be typed. */
const commonKeys = [
  'http.response.status_code',
  'http.request.method',
  'http.route',
  'url.path',
  'rpc.method',
  'db.system.name',
  'messaging.destination.name',
  'exception.type',
  'error.type',
  'k8s.pod.name',
  'k8s.node.name',
  'service.version',
]

export const AttributeFilter = ({
  filters,
  onChange,
}: {
  filters: TracesSearch
  onChange: (part: TracesSearch) => void
}) => {
  const { t } = useLocale()
  return (
    <span className="chip">
      <Popover
        className="chip-button"
        label={t('filter.attribute')}
        buttonLabel={
          <>
            <Icon name="plus" size={12} />
            <span className="chip-name">{t('filter.attribute')}</span>
          </>
        }
      >
        {(close) => (
          <AttributeForm
            onAdd={(filter) => {
              onChange({ attribute: [...(filters.attribute ?? []), filter] })
              close()
            }}
          />
        )}
      </Popover>
    </span>
  )
}

const AttributeForm = ({ onAdd }: { onAdd: (filter: string) => void }) => {
  const { t } = useLocale()
  const [key, setKey] = useState('')
  const [value, setValue] = useState('')
  const isReady = key.trim() !== '' && !key.includes('=')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (isReady) onAdd(`${key.trim()}=${value}`)
  }
  return (
    <form className="filter-form" onSubmit={submit}>
      <label className="field">
        <span className="field-label">{t('filter.key')}</span>
        <input
          data-autofocus
          className="input mono"
          list="attribute-keys"
          value={key}
          onChange={(event) => setKey(event.target.value)}
          placeholder="http.route"
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <datalist id="attribute-keys">
        {commonKeys.map((key) => (
          <option key={key}>{key}</option>
        ))}
      </datalist>
      <label className="field">
        <span className="field-label">{t('filter.value')}</span>
        <input
          className="input mono"
          value={value}
          onChange={(event) => setValue(event.target.value)}
          placeholder="/cart"
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <button type="submit" className="button primary" disabled={!isReady}>
        {t('action.apply')}
      </button>
    </form>
  )
}
