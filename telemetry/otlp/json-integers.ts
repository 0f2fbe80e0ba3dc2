const longInteger = /[:[,\s](-?[1-9]\d{15,})(?=[\s,\]}])/g

/**
 * Puts quotes around bare integers of 16 digits and more, which `JSON.parse` would round. OTLP's 64-bit fields accept
 * decimal strings as well as numbers, so the meaning stays. A reviver with `context.source` would see every value of
 * the text; this looks at the rare long integers only, and telemetry without any comes back as it is.
 */
export const quoteLongIntegers = (text: string): string => {
  const parts: string[] = []
  let copiedTo = 0
  let stringStart = text.indexOf('"')
  longInteger.lastIndex = 0
  for (let match = longInteger.exec(text); match !== null; match = longInteger.exec(text)) {
    while (stringStart !== -1 && stringStart < match.index) {
      const stringEnd = endOfString(text, stringStart)
      if (stringEnd > match.index) break
      stringStart = text.indexOf('"', stringEnd)
    }
    if (stringStart !== -1 && stringStart <= match.index) {
      longInteger.lastIndex = endOfString(text, stringStart)
      continue
    }
    const start = match.index + 1
    const end = match.index + match[0].length
    parts.push(text.slice(copiedTo, start), `"${match[1]}"`)
    copiedTo = end
  }
  if (copiedTo === 0) return text
  parts.push(text.slice(copiedTo))
  return parts.join('')
}

/** Behind the closing quote of the string that opens at `start`. */
const endOfString = (text: string, start: number): number => {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}
