/**
 * What was sent comes back out of the store: every field, and the type of every attribute. ROUND_TRIP_RUNS sets how many
 * batches of generated exports are tried per signal; ROUND_TRIP_SEED, with the seed that a failure names, tries the same
 * ones again.
 */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { arbitraryExports, receivedAtMillis } from '../harness/arbitrary-otlp.ts'
import { normalForm } from '../harness/otlp-normal-form.ts'
import { type RecordedExports, fixtureExports, sdkExports } from '../harness/recorded-exports.ts'
import { type RoundTrip, openRoundTrip } from '../harness/round-trip.ts'

const runCount = Number(process.env['ROUND_TRIP_RUNS'] ?? 5)
const seed = process.env['ROUND_TRIP_SEED']
/** At most. The exports of one run share its inserts and queries, which take most of its time. */
const exportsPerRun = 120
const millisMax = runCount * 10_000
/** For the run that is under way then. */
const lastRunMillisMax = 30_000

let roundTrip: RoundTrip
beforeAll(async () => {
  roundTrip = await openRoundTrip()
})
afterAll(() => roundTrip.stop())

/** Each case is a tenant's, so that one store serves them all. */
let tenantCount = 0
const newTenant = (): string => `tenant-${tenantCount++}`

describe('generated exports come back equal', () => {
  const holdFor = <S extends Signal>(signal: S): Promise<void> =>
    fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryExports[signal], { maxLength: exportsPerRun, size: 'max' }),
        fc.constantFrom(50, 2000),
        async (exports, rowsMax) => {
          const tenant = newTenant()
          const payloads = exports.map((request) => encodeExportRequest(signal, request))
          const kept = await roundTrip.send(signal, tenant, payloads, receivedAtMillis)
          const stored = await roundTrip.readBack(signal, tenant, { rowsMax })
          expect(normalForm(signal, stored)).toEqual(normalForm(signal, kept))
        },
      ),
      {
        numRuns: runCount,
        ...(seed !== undefined && { seed: Number(seed) }),
        // Ends the search for the smallest failure in time to tell what was found, and the seed.
        interruptAfterTimeLimit: millisMax,
        markInterruptAsFailure: true,
      },
    )

  it.each(signals)(
    '%s',
    async (signal) => {
      await expect(holdFor(signal)).resolves.toBeUndefined()
    },
    millisMax + lastRunMillisMax,
  )
})

describe.each<[string, () => RecordedExports | Promise<RecordedExports>]>([
  ['of fixtures/otlp', fixtureExports],
  ['of the official exporter of protobuf', () => sdkExports('proto')],
  ['of the official exporter of JSON', () => sdkExports('http')],
])('recorded exports %s come back equal', (_name, record) => {
  let recorded: RecordedExports
  beforeAll(async () => {
    recorded = await record()
  })

  const sendAndReadBack = async <S extends Signal>(signal: S) => {
    const tenant = newTenant()
    const sent = recorded[signal].map((payload) => decodeExportRequest(signal, payload))
    await roundTrip.send(signal, tenant, recorded[signal], Date.now())
    const stored = await roundTrip.readBack(signal, tenant)
    return { sent: normalForm(signal, sent), stored: normalForm(signal, stored) }
  }

  it.each(signals)('%s', async (signal) => {
    const { sent, stored } = await sendAndReadBack(signal)
    expect(sent).not.toEqual([])
    expect(stored).toEqual(sent)
  })
})
