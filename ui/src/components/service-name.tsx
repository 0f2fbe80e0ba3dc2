import { useLocale } from '../messages/use-locale.tsx'
import { serviceColour } from './service-colour.ts'

/** A service as it looks everywhere: its colour and its name. */
export const ServiceName = ({ name }: { name: string }) => {
  const { t } = useLocale()
  return (
    <span className="service-name" title={name}>
      <span className="service-dot" style={{ background: serviceColour(name) }} aria-hidden="true" />
      <span className="service-text">{name === '' ? t('service.unnamed') : name}</span>
    </span>
  )
}
