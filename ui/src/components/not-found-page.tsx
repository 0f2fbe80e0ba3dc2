import { Link } from '@tanstack/react-router'
import { useLocale } from '../messages/use-locale.tsx'

export const NotFoundPage = () => {
  const { t } = useLocale()
  return (
    <div className="notice">
      <h1>{t('notFound.title')}</h1>
      <p>{t('notFound.text')}</p>
      <Link to="/services" className="button primary">
        {t('notFound.home')}
      </Link>
    </div>
  )
}
