import { useEffect, useRef } from 'react'
import type { MessageKey } from '../messages/en.ts'
import { useLocale } from '../messages/use-locale.tsx'
import { Icon } from './icon.tsx'

const groups: { title: PlainKey; keys: { keys: string[]; label: PlainKey }[] }[] = [
  {
    title: 'help.everywhere',
    keys: [
      { keys: ['?'], label: 'help.open' },
      { keys: ['/'], label: 'help.search' },
      { keys: ['r'], label: 'help.refresh' },
      { keys: ['g', 's'], label: 'help.goServices' },
      { keys: ['g', 't'], label: 'help.goTraces' },
      { keys: ['g', 'p'], label: 'help.goPods' },
      { keys: ['Esc'], label: 'help.close' },
    ],
  },
  {
    title: 'help.time',
    keys: [
      { keys: ['t', '−'], label: 'help.zoomOut' },
      { keys: ['t', '+'], label: 'help.zoomIn' },
      { keys: ['t', '←'], label: 'help.earlier' },
      { keys: ['t', '→'], label: 'help.later' },
      { keys: ['t', 'a'], label: 'help.absolute' },
    ],
  },
  {
    title: 'help.trace',
    keys: [
      { keys: ['↓', 'f'], label: 'help.nextSpan' },
      { keys: ['↑', 'b'], label: 'help.previousSpan' },
      { keys: ['→', '←'], label: 'help.expandCollapse' },
      { keys: [']', '['], label: 'help.collapseExpandAll' },
      { keys: ['p', 'o'], label: 'help.collapseExpandLevel' },
      { keys: ['Enter'], label: 'help.details' },
      { keys: ['n'], label: 'help.nextMatch' },
      { keys: ['e'], label: 'help.nextError' },
      { keys: ['+', '−', '0'], label: 'help.zoomTrace' },
      { keys: ['a', 'd'], label: 'help.panTrace' },
    ],
  },
]
type PlainKey = Extract<MessageKey, `help.${string}`>

export const HelpDialog = ({ onClose }: { onClose: () => void }) => {
  const { t } = useLocale()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} className="dialog" onClose={onClose} aria-labelledby="help-title">
      <header className="dialog-head">
        <h2 id="help-title">{t('help.title')}</h2>
        <button
          type="button"
          className="icon-button"
          onClick={() => dialog.current?.close()}
          aria-label={t('action.close')}
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="help-groups">
        {groups.map((group) => (
          <section key={group.title}>
            <h3>{t(group.title)}</h3>
            <dl className="help-keys">
              {group.keys.map(({ keys, label }) => (
                <div key={label}>
                  <dt>
                    {keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{t(label)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="dialog-note">{t('help.charts')}</p>
    </dialog>
  )
}
