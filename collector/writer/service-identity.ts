import { anyValueToText } from '#telemetry/otlp/any-value.ts'
import type { Resource } from '#telemetry/otlp/messages.ts'

/** What names a service, as texts: absent is empty. The same as `resources` works out of its attributes. */
export interface ServiceIdentity {
  name: string
  namespace: string
  environment: string
  version: string
}

export const serviceIdentity = (resource: Resource | undefined): ServiceIdentity => {
  const attributes = resource?.attributes ?? []
  // Of attributes of one key the first counts, as in the store's maps.
  const find = (key: string) => attributes.find((attribute) => attribute.key === key)
  const text = (key: string): string => anyValueToText(find(key)?.value)
  return {
    name: text('service.name'),
    namespace: text('service.namespace'),
    environment: text(
      find('deployment.environment.name') ? 'deployment.environment.name' : 'deployment.environment',
    ),
    version: text('service.version'),
  }
}
