/** What the demo tells on standard output: one line each, with the time of day, in colour where somebody watches. */
export interface Narration {
  /** A chapter of the story. */
  title(text: string): void
  line(text: string): void
  good(text: string): void
  bad(text: string): void
}

const codes = { bold: 1, dim: 2, red: 31, green: 32 } as const

export const createNarration = (options: {
  print: (line: string) => void
  hasColour: boolean
  now?: () => number
}): Narration => {
  const paint = (code: keyof typeof codes, text: string): string =>
    options.hasColour ? `\u001b[${codes[code]}m${text}\u001b[0m` : text
  const time = (): string => {
    const now = new Date((options.now ?? Date.now)())
    return paint('dim', now.toTimeString().slice(0, 8))
  }
  return {
    title: (text) => options.print(`\n${paint('bold', text)}`),
    line: (text) => options.print(`${time()}  ${text}`),
    good: (text) => options.print(`${time()}  ${paint('green', text)}`),
    bad: (text) => options.print(`${time()}  ${paint('red', text)}`),
  }
}
