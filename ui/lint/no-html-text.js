/**
 * Telemetry is written by strangers: a span's name may be `<img src=x onerror=…>`. These rules keep text from becoming
 * HTML anywhere in the UI.
 *
 * `no-html-sink` bans what parses HTML. `chart-text` bans the three ways by which ECharts takes HTML or a template:
 * a tooltip that does not come from `textTooltip` (src/charts/tooltip.ts), and a `formatter` that is a string.
 */
const sinkProperties = new Set(['innerHTML', 'outerHTML', 'srcdoc', 'dangerouslySetInnerHTML'])
const sinkMethods = new Set([
  'insertAdjacentHTML',
  'setHTMLUnsafe',
  'createContextualFragment',
  'parseFromString',
  'parseHTMLUnsafe',
])
const sinkMessage =
  'Text from telemetry must not become HTML: build elements and set textContent, or let React do it.'

const nameOf = (node) => {
  if (node?.type === 'Identifier' || node?.type === 'JSXIdentifier' || node?.type === 'PrivateIdentifier')
    return node.name
  return node?.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

const noHtmlSink = {
  meta: { type: 'problem', docs: { description: sinkMessage }, schema: [] },
  create: (context) => ({
    MemberExpression: (node) => {
      const name = nameOf(node.property)
      const isDocumentWrite = (name === 'write' || name === 'writeln') && nameOf(node.object) === 'document'
      if (sinkProperties.has(name) || sinkMethods.has(name) || isDocumentWrite)
        context.report({ node, message: `${name}: ${sinkMessage}` })
    },
    Property: (node) => {
      // Who defines the setter gets the text; a test that catches it does so.
      if (node.kind === 'set') return
      if (sinkProperties.has(nameOf(node.key)))
        context.report({ node, message: `${nameOf(node.key)}: ${sinkMessage}` })
    },
    JSXAttribute: (node) => {
      const name = nameOf(node.name)
      if (sinkProperties.has(name) || name === 'srcDoc')
        context.report({ node, message: `${name}: ${sinkMessage}` })
    },
  }),
}

const tooltipMessage =
  "A chart's tooltip is made by textTooltip() of src/charts/tooltip.ts (or is { show: false }): ECharts writes others as HTML."
const formatterMessage = 'A formatter is a function, never a template string, and stands outside of tooltips.'

const isSwitchedOff = (value) =>
  value.type === 'ObjectExpression' &&
  value.properties.length === 1 &&
  nameOf(value.properties[0].key) === 'show' &&
  value.properties[0].value.type === 'Literal' &&
  value.properties[0].value.value === false

const isTextTooltip = (value) => value.type === 'CallExpression' && nameOf(value.callee) === 'textTooltip'

const chartText = {
  meta: { type: 'problem', docs: { description: tooltipMessage }, schema: [] },
  create: (context) => ({
    'ObjectExpression > Property': (node) => {
      const name = nameOf(node.key)
      if (name === 'tooltip' && !isTextTooltip(node.value) && !isSwitchedOff(node.value))
        context.report({ node, message: tooltipMessage })
      const isText =
        node.value.type === 'TemplateLiteral' ||
        (node.value.type === 'Literal' && typeof node.value.value === 'string')
      if (name === 'formatter' && isText) context.report({ node, message: formatterMessage })
    },
  }),
}

export default {
  meta: { name: 'aftertrace-ui' },
  rules: { 'no-html-sink': noHtmlSink, 'chart-text': chartText },
}
