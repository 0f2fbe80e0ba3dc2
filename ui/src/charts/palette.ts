/** The style sheet's colours as a canvas needs them: resolved for the theme in force. */
export interface ChartPalette {
  text: string
  muted: string
  line: string
  surface: string
  accent: string
  error: string
  gone: string
  shade: string
  fontFamily: string
}

const tokens = {
  text: '--text',
  muted: '--text-muted',
  line: '--line',
  surface: '--surface',
  accent: '--accent',
  error: '--error',
  gone: '--gone',
  shade: '--shade',
} as const

/** A custom property holds `light-dark(…)` as written; only a real property such as `color` resolves it. */
export const readPalette = (): ChartPalette => {
  const probe = document.createElement('span')
  probe.hidden = true
  document.body.append(probe)
  const resolve = (token: string): string => {
    probe.style.color = `var(${token})`
    return getComputedStyle(probe).color
  }
  const colours = Object.fromEntries(
    Object.entries(tokens).map(([name, token]) => [name, resolve(token)]),
  ) as Record<keyof typeof tokens, string>
  const { fontFamily } = getComputedStyle(document.body)
  probe.remove()
  return { ...colours, fontFamily }
}
