import type { IHeaders } from 'kafkajs'

/**
 * Marks a record as our receiver's: checked, and of this tenant. A record without it was produced by somebody else, such as an
 * OpenTelemetry Collector, and is checked by the writer.
 */
const tenantHeader = 'aftertrace.tenant'
const tenantDefault = 'default'

export const headersOf = (tenant: string): IHeaders => ({ [tenantHeader]: tenant })

export const originOf = (headers: IHeaders | undefined): { tenant: string; isForeign: boolean } => {
  const value = headers?.[tenantHeader]
  const tenant = textOf(Array.isArray(value) ? value[0] : value)
  return tenant === '' ? { tenant: tenantDefault, isForeign: true } : { tenant, isForeign: false }
}

const textOf = (value: Buffer | string | undefined): string => value?.toString() ?? ''
