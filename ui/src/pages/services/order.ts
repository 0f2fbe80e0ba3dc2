import type { Service } from '../../api.ts'
import type { SortState } from '../../components/sortable-header.tsx'
import { millisOf } from '../../time/nanos.ts'
import type { ServiceSort } from '../../url/screens.ts'

/** A service in one text, for the URL and as a React key. */
export const serviceId = ({ name, namespace, environment }: Service): string =>
  [name, namespace, environment].map(encodeURIComponent).join('|')

export const matchServices = (services: Service[], text: string): Service[] => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return services.filter((service) => {
    const haystack = `${service.name} ${service.namespace} ${service.environment}`.toLowerCase()
    return words.every((word) => haystack.includes(word))
  })
}

export const sortServices = (
  services: Service[],
  { column, isDescending }: SortState<ServiceSort>,
): Service[] => {
  const direction = isDescending ? -1 : 1
  return services.toSorted((a, b) => direction * compare(a, b, column) || a.name.localeCompare(b.name) || 0)
}

const compare = (a: Service, b: Service, column: ServiceSort): number =>
  column === 'name' ? a.name.localeCompare(b.name) : measure(a, column) - measure(b, column)

/** More pods than a service ever has. */
const podsMax = 1e6

const measure = (service: Service, column: Exclude<ServiceSort, 'name'>): number => {
  switch (column) {
    case 'rate':
      return service.requestsPerSecond
    case 'errors':
      return service.errorShare
    case 'pods':
      // Failures first; how many are gone decides between equals.
      return service.podsFailed * podsMax + service.podsGone
    case 'seen':
      return millisOf(service.lastSeenTimeUnixNano)
    default:
      return service.latencyNanos?.[column] ?? -1
  }
}
