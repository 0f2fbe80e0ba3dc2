import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { useLocale } from '../messages/use-locale.tsx'
import { Icon } from './icon.tsx'

/**
 * The one panel for details, on the right of every screen. It takes the focus when it opens for another subject
 * (unless the screen keeps it, as the waterfall does while one walks through spans) and gives it back when it closes.
 */
export const DetailsPanel = ({
  subject,
  title,
  kicker,
  onClose,
  takesFocus = true,
  children,
}: {
  /** Identity of what is shown. */
  subject: string
  title: ReactNode
  kicker?: ReactNode
  onClose: () => void
  takesFocus?: boolean
  children: ReactNode
}) => {
  const { t } = useLocale()
  const titleId = useId()
  const [opener] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    },
    [opener],
  )

  return (
    // Escape is heard wherever the focus is inside.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      className="details-panel"
      aria-labelledby={titleId}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.stopPropagation()
        onClose()
      }}
    >
      <header className="panel-head">
        <div className="panel-heading">
          {kicker !== undefined && <div className="panel-kicker">{kicker}</div>}
          <PanelTitle key={subject} id={titleId} takesFocus={takesFocus}>
            {title}
          </PanelTitle>
        </div>
        <button
          type="button"
          className="icon-button"
          onClick={onClose}
          aria-label={t('panel.close')}
          title={`${t('panel.close')} (Esc)`}
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="panel-body">{children}</div>
    </aside>
  )
}

const PanelTitle = ({
  id,
  takesFocus,
  children,
}: {
  id: string
  takesFocus: boolean
  children: ReactNode
}) => {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (takesFocus) heading.current?.focus({ preventScroll: true })
  }, [takesFocus])
  return (
    <h2 id={id} ref={heading} tabIndex={-1}>
      {children}
    </h2>
  )
}

export const PanelSection = ({
  title,
  count,
  children,
}: {
  title: string
  count?: number
  children: ReactNode
}) => {
  const { format } = useLocale()
  return (
    <section className="panel-section">
      <h3>
        {title}
        {count !== undefined && <span className="count">{format.integer(count)}</span>}
      </h3>
      {children}
    </section>
  )
}

/** Names and values, one line each; values that are not there are left out. */
export const FactList = ({ facts }: { facts: [label: string, value: ReactNode][] }) => (
  <dl className="facts">
    {facts
      .filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false)
      .map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
  </dl>
)
