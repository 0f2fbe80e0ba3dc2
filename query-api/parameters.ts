import { z } from '@hono/zod-openapi'

/** The query parameters that routes share. All come as text; unknown ones are refused by `z.strictObject`. */
export const textLengthMax = 1024

const text = () => z.string().max(textLengthMax, `longer than ${textLengthMax} characters`)

/** Resolved by parseTimeRange, which knows the time. */
export const rangeParameters = {
  from: text().optional().openapi({
    description: 'now-1h, now/d, milliseconds since 1970, or ISO 8601',
    example: 'now-1h',
    default: 'now-1h',
  }),
  to: text().optional().openapi({ description: 'as from; exclusive', example: 'now', default: 'now' }),
}

export const optionalRangeParameters = {
  from: text().optional().openapi({ description: 'where to begin to look; default: everything' }),
  to: text().optional().openapi({ description: 'where to stop looking; default: everything' }),
}

export const namespaceParameters = {
  namespace: text().optional().openapi({ description: 'service.namespace; absent: any, empty: none' }),
  environment: text()
    .optional()
    .openapi({ description: 'deployment.environment.name; absent: any, empty: none' }),
}

export const serviceParameters = {
  service: text().optional().openapi({ description: 'service.name' }),
  ...namespaceParameters,
}

const wholeNumber = (given: string, max: number, context: z.RefinementCtx): number => {
  const number = Number(given)
  if (/^\d{1,9}$/.test(given) && number >= 1 && number <= max) return number
  context.addIssue({
    code: 'custom',
    message: `expected a whole number from 1 to ${max}, got '${given.slice(0, 100)}'`,
  })
  return z.NEVER
}

export const limitParameter = ({ fallback, max }: { fallback: number; max: number }) =>
  z
    .string()
    .default(String(fallback))
    .transform((given, context) => wholeNumber(given, max, context))
    .openapi({ type: 'integer', minimum: 1, maximum: max, default: fallback })

export const countParameter = ({ max, description }: { max: number; description: string }) =>
  z
    .string()
    .transform((given, context) => wholeNumber(given, max, context))
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: max, description })

const attributeFiltersMax = 20
/** Of all filters together, keys and values: each stands several times in a statement, which has its own bound. */
const attributeBytesMax = 32 << 10

/** Why filters by attributes are refused; undefined where they are not. */
export const attributeRefusal = (entries: readonly string[]): string | undefined => {
  if (entries.length > attributeFiltersMax) return `more than ${attributeFiltersMax} times`
  const bytes = entries.reduce((sum, entry) => sum + Buffer.byteLength(entry), 0)
  return bytes > attributeBytesMax ? `more than ${attributeBytesMax} bytes together` : undefined
}

/** `key=value`, repeatable; the value may hold further equals signs. */
export const attributeParameter = z
  .union([text(), z.array(text())])
  .optional()
  .transform((given, context) => {
    const entries = [given ?? []].flat()
    const refusal = attributeRefusal(entries)
    if (refusal !== undefined) context.addIssue({ code: 'custom', message: refusal })
    return entries.map((entry) => {
      const at = entry.indexOf('=')
      if (at < 1)
        context.addIssue({ code: 'custom', message: `expected key=value, got '${entry.slice(0, 100)}'` })
      return { key: entry.slice(0, at), value: entry.slice(at + 1) }
    })
  })
  .openapi({
    type: 'array',
    items: { type: 'string' },
    description: 'key=value of the span or its resource; repeatable, all have to hold',
  })

export const traceIdParameter = z
  .string()
  .regex(/^[0-9a-f]{32}$/i, 'expected 32 hexadecimal digits')
  .transform((id) => id.toLowerCase())
  .openapi({ param: { name: 'traceId', in: 'path' }, type: 'string', pattern: '^[0-9a-fA-F]{32}$' })

export const nameParameter = (name: string, description: string) =>
  text()
    .min(1, 'is empty')
    .openapi({ param: { name, in: 'path' }, description })

export { text as textParameter }
