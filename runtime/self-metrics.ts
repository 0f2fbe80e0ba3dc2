import type { Meter } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider } from '@opentelemetry/sdk-metrics'

/** What this process says of itself, as OpenTelemetry instruments, rendered as Prometheus text for `/metrics`. */
export interface SelfMetrics {
  readonly meter: Meter
  render(): Promise<string>
  stop(): Promise<void>
}

export const createSelfMetrics = (): SelfMetrics => {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'aftertrace' }),
    readers: [exporter],
  })
  const serializer = new PrometheusSerializer('aftertrace')

  return {
    meter: provider.getMeter('aftertrace'),
    render: async () => {
      const { resourceMetrics } = await exporter.collect()
      return serializer.serialize(resourceMetrics)
    },
    stop: () => provider.shutdown(),
  }
}
