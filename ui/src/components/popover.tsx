import { useEffect, useId, useRef, useState, type ReactNode } from 'react'

/**
 * A button that opens a small dialog below it. Escape and a click outside close it, and the focus goes back to the
 * button; inside, the first field gets the focus.
 */
export const Popover = ({
  label,
  buttonLabel,
  className,
  align = 'start',
  children,
  title,
  onToggle,
}: {
  /** Accessible name of the dialog. */
  label: string
  buttonLabel: ReactNode
  className: string
  align?: 'start' | 'end'
  title?: string
  onToggle?: ((isOpen: boolean) => void) | undefined
  children: (close: () => void) => ReactNode
}) => {
  const [isOpen, setOpen] = useState(false)
  const id = useId()
  const button = useRef<HTMLButtonElement>(null)
  const buttonId = useId()
  const box = useRef<HTMLDivElement>(null)
  const close = (): void => {
    setOpen(false)
    document.getElementById(buttonId)?.focus()
  }

  useEffect(() => onToggle?.(isOpen), [isOpen, onToggle])
  useEffect(() => {
    if (!isOpen) return undefined
    box.current?.querySelector<HTMLElement>('[data-autofocus], input, button')?.focus()
    const onPointer = (event: PointerEvent): void => {
      const target = event.target as Node
      if (!box.current?.contains(target) && !button.current?.contains(target)) setOpen(false)
    }
    document.addEventListener('pointerdown', onPointer)
    return () => document.removeEventListener('pointerdown', onPointer)
  }, [isOpen])

  return (
    <div className="popover-anchor">
      <button
        ref={button}
        id={buttonId}
        type="button"
        className={className}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        title={title}
        onClick={() => setOpen((isOpen) => !isOpen)}
      >
        {buttonLabel}
      </button>
      {isOpen && (
        // Keys bubble up from the fields inside; the box itself cannot be focused.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
        <div
          ref={box}
          id={id}
          role="dialog"
          aria-label={label}
          className={`popover align-${align}`}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return
            event.stopPropagation()
            close()
          }}
          onBlur={(event) => {
            // Tabbing out closes it; losing the focus to nothing (a click on plain text inside) does not.
            const next = event.relatedTarget
            if (next && !box.current?.contains(next) && next !== button.current) setOpen(false)
          }}
        >
          {children(close)}
        </div>
      )}
    </div>
  )
}
