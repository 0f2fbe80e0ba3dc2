/**
 * The one door through which text gets into a chart's tooltip. ECharts puts what a `formatter` returns into the page as
 * HTML if it is a string; what we return is an element whose text was set as text, so that a span named
 * `<img src=x onerror=…>` is shown, not run. A lint rule keeps other tooltips out.
 */
export interface TooltipText {
  title: string
  lines: { label: string; value: string; tone?: 'error' | undefined }[]
  hint?: string | undefined
}

/** What ECharts tells about the thing under the pointer. */
export interface TooltipTarget {
  seriesIndex: number
  dataIndex: number
}

/** Only what building needs of a document, so that it can be tested without a browser. */
export interface ElementMaker {
  createElement: (tag: string) => HTMLElement
}

export const textTooltip = (describe: (target: TooltipTarget) => TooltipText | undefined) => ({
  trigger: 'item' as const,
  confine: true,
  transitionDuration: 0,
  // The look is the style sheet's: `.chart-tooltip`.
  className: 'chart-tooltip',
  backgroundColor: 'transparent',
  borderWidth: 0,
  padding: 0,
  extraCssText: 'box-shadow:none',
  formatter: (target: TooltipTarget | TooltipTarget[]): HTMLElement | HTMLElement[] => {
    const described = [target]
      .flat()
      .slice(0, 1)
      .flatMap((one) => describe(one) ?? [])
    return described.map((text) => renderTooltip(text, document))
  },
})

export const renderTooltip = ({ title, lines, hint }: TooltipText, maker: ElementMaker): HTMLElement => {
  const make = (tag: string, className: string, text?: string): HTMLElement => {
    const element = maker.createElement(tag)
    element.className = className
    if (text !== undefined) element.textContent = text
    return element
  }
  const box = make('div', 'tooltip-box')
  box.append(make('div', 'tooltip-title', title))
  for (const { label, value, tone } of lines) {
    const line = make('div', 'tooltip-line')
    line.append(
      make('span', 'tooltip-label', label),
      make('span', tone ? `tooltip-value ${tone}` : 'tooltip-value', value),
    )
    box.append(line)
  }
  if (hint) box.append(make('div', 'tooltip-hint', hint))
  return box
}
