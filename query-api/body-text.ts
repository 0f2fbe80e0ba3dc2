import { InvalidInput } from '#runtime/errors.ts'

/** Each is a condition of its own for the store to plan. */
const phrasesMax = 20

/** What to look for in a body. */
export interface BodyText {
  /** Words apart from each other. */
  bodyWords?: string
  bodyPhrases: string[]
}

/**
 * Words and, in double quotes, phrases: `refused "connection reset by peer"`. Inside of quotes a backslash takes the
 * character after it as it is.
 *
 * @throws InvalidInput naming the parameter
 */
export const parseBodyText = (field: string, text: string): BodyText => {
  const bodyPhrases: string[] = []
  const bare = text.replace(/"((?:[^"\\]|\\.)*)"/gs, (_, quoted: string) => {
    const phrase = quoted.replace(/\\(.)/gs, '$1')
    if (phrase !== '') bodyPhrases.push(phrase)
    return ' '
  })
  if (bare.includes('"')) throw new InvalidInput(`${field}: a double quote is not closed`, { field })
  if (bodyPhrases.length > phrasesMax)
    throw new InvalidInput(`${field}: more than ${phrasesMax} phrases in double quotes`, { field })
  if (bare.trim() === '') return { bodyPhrases }
  if (!/[0-9A-Za-z\u0080-\uffff]/.test(bare))
    throw new InvalidInput(
      `${field}: there is no word in '${bare.trim().slice(0, 100)}'; signs are looked for in double quotes`,
      { field },
    )
  return { bodyWords: bare.trim(), bodyPhrases }
}
