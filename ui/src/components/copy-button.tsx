import { useEffect, useState } from 'react'
import { useLocale } from '../messages/use-locale.tsx'
import { Icon } from './icon.tsx'

const confirmMillis = 1500

/** Copies a text and says so for a moment. Where the clipboard is forbidden (plain HTTP) it selects a hidden field instead. */
export const CopyButton = ({
  text,
  label,
  isSmall = false,
}: {
  text: string
  label?: string
  isSmall?: boolean
}) => {
  const { t } = useLocale()
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => setCopied(false), confirmMillis)
    return () => clearTimeout(timer)
  }, [isCopied])
  const name = isCopied ? t('action.copied') : (label ?? t('action.copy'))
  return (
    <button
      type="button"
      className={isSmall ? 'icon-button small' : 'button'}
      onClick={() => void copyText(text).then(setCopied)}
      aria-label={isSmall ? name : undefined}
      title={name}
    >
      <Icon name={isCopied ? 'check' : 'copy'} size={14} />
      {!isSmall && <span>{name}</span>}
    </button>
  )
}

const copyText = async (text: string): Promise<boolean> => {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

const copyBySelection = (text: string): boolean => {
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'visually-hidden'
  document.body.append(field)
  field.select()
  // Deprecated, but the only way without a secure context.
  const isDone = document.execCommand('copy')
  field.remove()
  return isDone
}
