import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { SearchField } from '../../components/search-field.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { attributeFiltersMax, type TracesSearch } from '../../url/screens.ts'
import { readSearchText } from './search-text.ts'

/** One field for what one has in the clipboard: a trace id opens the trace, `key=value` and `>500ms` become filters. */
export const TraceSearchField = ({
  filters,
  onChange,
}: {
  filters: TracesSearch
  onChange: (part: TracesSearch) => void
}) => {
  const { t } = useLocale()
  const navigate = useNavigate()
  const [input, setInput] = useState('')
  const [isWrong, setWrong] = useState(false)
  const submit = (): void => {
    const read = readSearchText(input)
    if (!read) {
      setWrong(input.trim() !== '')
      return
    }
    setInput('')
    if ('traceId' in read) void navigate({ to: '/traces/$traceId', params: { traceId: read.traceId } })
    else if ('attribute' in read)
      onChange({
        attribute: [...new Set([...(filters.attribute ?? []), read.attribute])].slice(-attributeFiltersMax),
      })
    else onChange(read)
  }
  return (
    <div className="search-with-hint">
      <SearchField
        label={t('traces.search')}
        placeholder={t('traces.searchExample')}
        value={input}
        isInvalid={isWrong}
        onChange={(value) => {
          setInput(value)
          setWrong(false)
        }}
        onSubmit={submit}
      />
      {isWrong && (
        <p className="field-error floating" role="alert">
          {t('traces.searchWrong')}
        </p>
      )}
    </div>
  )
}
