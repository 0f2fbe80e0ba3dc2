/** Search parameters as the router holds them: text, or a list where a name occurs more than once. */
export type RawSearch = Record<string, string | string[] | undefined>

/**
 * Plain `name=value` pairs, as people write and share them. The router's own form writes JSON, which would turn the
 * service `42` into a number and put quotation marks into links.
 */
export const parseSearch = (text: string): RawSearch => {
  const search: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const [name, value] of new URLSearchParams(text)) {
    const earlier = search[name]
    search[name] = earlier === undefined ? value : [earlier, value].flat()
  }
  return { ...search }
}

export const stringifySearch = (search: Record<string, unknown>): string => {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(search))
    for (const one of [value ?? []].flat()) if (typeof one === 'string') parameters.append(name, one)
  // These are legal in a query and make a range or an attribute readable.
  const text = parameters.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',')
  return text === '' ? '' : `?${text}`
}
