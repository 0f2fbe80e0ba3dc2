import { Link } from '@tanstack/react-router'
import type { Attribute } from '../api.ts'
import { useLocale } from '../messages/use-locale.tsx'
import { CopyButton } from './copy-button.tsx'
import { Icon } from './icon.tsx'

/** Keys and values with their OTLP type. Each value can be copied, and searched for among all traces. */
export const Attributes = ({
  attributes,
  canFilter = true,
}: {
  attributes: Attribute[]
  canFilter?: boolean
}) => {
  const { t } = useLocale()
  if (attributes.length === 0) return <p className="none">{t('attributes.none')}</p>
  return (
    <dl className="attributes">
      {attributes.map(({ key, value, type }) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>
            <span className={`attribute-value type-${type}`}>
              {type === 'empty' ? t('attributes.empty') : value}
            </span>
            {type !== 'string' && <span className="attribute-type">{type}</span>}
            <span className="attribute-actions">
              {canFilter && type !== 'empty' && (
                <Link
                  to="/traces"
                  search={{ attribute: [`${key}=${value}`] }}
                  className="icon-button small"
                  aria-label={t('attributes.filter', { key })}
                  title={t('attributes.filter', { key })}
                >
                  <Icon name="filter" size={13} />
                </Link>
              )}
              <CopyButton text={value} label={t('attributes.copy', { key })} isSmall />
            </span>
          </dd>
        </div>
      ))}
    </dl>
  )
}
