/**
 * Loaded before a service (`node --import`), as in any instrumented Node container: traces, metrics and logs by the
 * stock SDK, set up by `OTEL_...` variables alone. Nothing here knows which backend listens.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { metrics, propagation } from '@opentelemetry/api'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { probePath } from '../supervisor/pod-contract.ts'
import { resolveServiceNames } from './cluster-dns.ts'

export const customerTierKey = 'customer.tier'

const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({
      ignoreIncomingRequestHook: (request) => request.url === probePath,
      requestHook: (span) => {
        const tier = propagation.getActiveBaggage()?.getEntry(customerTierKey)?.value
        if (tier !== undefined) span.setAttribute(customerTierKey, tier)
      },
    }),
    new UndiciInstrumentation(),
    new PinoInstrumentation(),
  ],
})
sdk.start()

// Instrumentations patch what passes through `require`; afterwards, what is imported by name is brought up to date.
createRequire(import.meta.url)('node:http')
syncBuiltinESMExports()
resolveServiceNames()

const meter = metrics.getMeter('shop')
meter
  .createObservableUpDownCounter('process.memory.usage', {
    unit: 'By',
    description: 'Physical memory in use by the process',
  })
  .addCallback((result) => result.observe(process.memoryUsage.rss()))
meter
  .createObservableGauge('v8js.memory.heap.used', { unit: 'By', description: 'Heap in use by live objects' })
  .addCallback((result) => result.observe(process.memoryUsage().heapUsed))

/** Sends what is still buffered. A process that is killed does not get to call this. */
export const stopTelemetry = (): Promise<void> => sdk.shutdown()
