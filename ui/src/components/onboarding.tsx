import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useLocale } from '../messages/use-locale.tsx'
import { statusQuery } from '../queries.ts'
import { CopyButton } from './copy-button.tsx'

const pollMillis = 3000
/** OTLP's own; shown until the backend has said where it listens, or when the receiver is another process. */
const defaultPorts = { http: 4318, grpc: 4317 }

/** What a fresh installation shows: how to send the first span. The screen fills by itself once something arrives. */
export const Onboarding = () => {
  const { t } = useLocale()
  const queryClient = useQueryClient()
  const status = useQuery({ ...statusQuery(), refetchInterval: pollMillis, staleTime: 0 })
  const hasData = status.data?.hasData ?? false
  useEffect(() => {
    if (hasData) void queryClient.invalidateQueries()
  }, [hasData, queryClient])
  const ports = status.data?.otlpPorts
  const snippets = onboardingSnippets(globalThis.location.hostname, ports?.http ?? defaultPorts.http)
  return (
    <section className="onboarding" aria-labelledby="onboarding-title">
      <h2 id="onboarding-title">{t('onboarding.title')}</h2>
      <p>{t('onboarding.text', { port: String(ports?.grpc ?? defaultPorts.grpc) })}</p>
      <Step number={1} title={t('onboarding.environment')} code={snippets.environment} />
      <Step number={2} title={t('onboarding.node')} code={snippets.node} />
      <Step number={3} title={t('onboarding.curl')} code={snippets.curl} />
      <p className="waiting" role="status">
        <span className="waiting-dot" aria-hidden="true" />
        {t('onboarding.waiting')}
      </p>
    </section>
  )
}

const Step = ({ number, title, code }: { number: number; title: string; code: string }) => (
  <div className="snippet">
    <div className="snippet-head">
      <h3>
        <span className="snippet-number">{number}</span> {title}
      </h3>
      <CopyButton text={code} />
    </div>
    {/* Scrolls sideways, so the keyboard must be able to reach it. */}
    {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
    <pre tabIndex={0}>
      <code>{code}</code>
    </pre>
  </div>
)

const onboardingSnippets = (
  host: string,
  port: number,
): { environment: string; node: string; curl: string } => {
  const endpoint = `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
  return {
    environment: [
      `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`,
      'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
      'export OTEL_SERVICE_NAME=my-service',
      'export OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=production',
    ].join('\n'),
    node: [
      'npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node',
      'node --import @opentelemetry/auto-instrumentations-node/register app.js',
    ].join('\n'),
    curl: [
      'NOW=$(date +%s)',
      `curl ${endpoint}/v1/traces -H 'content-type: application/json' -d '{"resourceSpans":[{`,
      `  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"hello"}}]},`,
      `  "scopeSpans":[{"spans":[{"traceId":"'$(openssl rand -hex 16)'","spanId":"'$(openssl rand -hex 8)'",`,
      `  "name":"GET /hello","kind":2,"startTimeUnixNano":"'$NOW'000000000","endTimeUnixNano":"'$NOW'042000000"}]}]}]}'`,
    ].join('\n'),
  }
}
