import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ServiceError, status as rpcStatus } from '@grpc/grpc-js'
import { afterEach, describe, expect, it, onTestFailed } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { type DiskGuard, createDiskGuard } from '#runtime/disk-guard.ts'
import { openStore } from '#storage/connection.ts'
import { dropExpiredPartitions } from '#storage/expired-partitions.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { applyRetention } from '#storage/retention.ts'
import { sql } from '#storage/sql.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus, spansOf } from '../bench/corpus.ts'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'
import { exportOverGrpc, retryInfo, statusOf } from '../harness/export-over-grpc.ts'

const run = promisify(execFile)
const mebibyte = 1 << 20

/** A small disk of its own, in memory. */
interface SmallDisk {
  path: string
  unmount(): Promise<void>
}

const mountSmallDisk = async (mebibytes: number): Promise<SmallDisk> => {
  const path = await mkdtemp(join(tmpdir(), 'aftertrace-small-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path])
  } catch (error) {
    await rm(path, { recursive: true })
    throw error
  }
  return {
    path,
    unmount: async () => {
      // Whenever the last file on it is closed: the log of a process that has ended may still be.
      await run('umount', ['--lazy', path])
      await rm(path, { recursive: true })
    },
  }
}

/** Mounting takes rights that not every machine gives to its tests. */
const reasonNotToMount = await mountSmallDisk(1).then(
  (disk) => disk.unmount().then(() => ''),
  (error: Error) => error.message.trim(),
)
if (reasonNotToMount !== '')
  process.stderr.write(`tests of full disks are skipped, no small disk can be mounted: ${reasonNotToMount}\n`)

const bytesFreeOn = async (path: string): Promise<number> => {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}

/** Takes room as another program would, until so much is left. */
const fillUpTo = async (disk: SmallDisk, bytesLeft: number, name = 'filler'): Promise<void> => {
  const file = await open(join(disk.path, name), 'a')
  try {
    for (let free = await bytesFreeOn(disk.path); free > bytesLeft; free = await bytesFreeOn(disk.path))
      await file.write(Buffer.alloc(Math.min(mebibyte, free - bytesLeft), 1))
  } finally {
    await file.close()
  }
}

/** Takes all that is left in one act, so that nobody can give room back meanwhile. */
const fillAtOnce = (disk: SmallDisk): Promise<void> =>
  eventually(async () => {
    const bytes = await bytesFreeOn(disk.path)
    await run('fallocate', ['--length', String(bytes), join(disk.path, 'filler')])
  }, 5000)

let disk: SmallDisk | undefined
let backend: BackendProcess | undefined
let guard: DiskGuard | undefined
afterEach(async () => {
  await guard?.stop()
  await backend?.kill()
  await disk?.unmount()
  guard = backend = disk = undefined
})

describe.skipIf(reasonNotToMount !== '')('the guard of a small disk', () => {
  const start = async (path: string): Promise<DiskGuard> => {
    guard = createDiskGuard({
      folder: path,
      reserveBytesMax: 10 * mebibyte,
      ballastBytesMax: mebibyte,
      logger: silentLogger,
      lookMillis: 10,
    })
    await guard.start()
    return guard
  }
  const until = (check: () => void) => eventually(check, 5000)

  it('refuses while the reserve is not free, and takes again with some room to spare', async () => {
    disk = await mountSmallDisk(100)
    const running = await start(disk.path)
    running.admit(1000)
    await fillUpTo(disk, 9 * mebibyte)
    await until(() => expect(() => running.admit(1000)).toThrow('the disk is nearly full'))
    await rm(join(disk.path, 'filler'))
    await until(() => running.admit(1000))
  })

  it('refuses what would use up the reserve before a look could tell', async () => {
    disk = await mountSmallDisk(100)
    const running = await start(disk.path)
    const roomBytes = running.state().bytesFree - running.state().reserveBytes
    expect(() => running.admit(roomBytes + mebibyte)).toThrow('the disk is nearly full')
    expect(running.state().isRefusing).toBe(false)
  })

  it('gives the ballast up when the reserve is used up as well, and makes it anew before it takes anything', async () => {
    disk = await mountSmallDisk(100)
    const { path } = disk
    const running = await start(path)
    await until(() => expect(running.state().ballastBytes).toBe(mebibyte))
    expect((await stat(join(path, 'ballast'))).size).toBe(mebibyte)
    await fillUpTo(disk, 4 * mebibyte)
    await until(() => expect(running.state().ballastBytes).toBe(0))
    expect(await bytesFreeOn(path)).toBeGreaterThanOrEqual(5 * mebibyte)
    expect(await readdir(path)).not.toContain('ballast')
    expect(() => running.admit(1)).toThrow('the disk is nearly full')
    await rm(join(path, 'filler'))
    await until(() => running.admit(1))
    expect(running.state().ballastBytes).toBe(mebibyte)
  })
})

describe.skipIf(reasonNotToMount !== '')('the store on a disk that is full to the last byte', () => {
  it('finds room in the ballast to drop what is over, and then there is room again', async () => {
    disk = await mountSmallDisk(400)
    const { path } = disk
    const store = await openStore({ dataDir: path, database: 'otel' })
    try {
      await migrate(store)
      const day = 86_400
      const kept = { tracesSeconds: day, logsSeconds: day, metricsSeconds: day, rollupsSeconds: day }
      await applyRetention(store, kept)
      // The engine would do it by itself, at its own pace.
      await store.command(sql`SYSTEM STOP TTL MERGES`)
      for (const { daysAgo, count } of [
        { daysAgo: 5, count: 60_000 },
        { daysAgo: 0, count: 10 },
      ])
        await store.command(
          sql`INSERT INTO log_records (time, body) SELECT now64(9) - toIntervalDay(${sql.int64(daysAgo)}), randomPrintableASCII(1000) FROM numbers(${sql.int64(count)})`,
        )
      const bytesFreeBefore = await bytesFreeOn(path)
      const dropped: string[] = []
      guard = createDiskGuard({
        folder: path,
        reserveBytesMax: 32 * mebibyte,
        ballastBytesMax: 4 * mebibyte,
        logger: silentLogger,
        lookMillis: 10,
        onRelease: async () => {
          for (const { table } of await dropExpiredPartitions(store)) dropped.push(table)
        },
      })
      await guard.start()
      await eventually(() => expect(guard?.state().ballastBytes).toBe(4 * mebibyte), 10_000)

      await fillAtOnce(disk)
      await eventually(() => expect(dropped).toEqual(['log_records']), 30_000)
      await eventually(() => guard?.admit(1), 30_000)
      expect(guard.state()).toMatchObject({ isRefusing: false, ballastBytes: 4 * mebibyte })
      expect(await bytesFreeOn(path)).toBeGreaterThan(50 * mebibyte)
      expect(await bytesFreeOn(path)).toBeLessThan(bytesFreeBefore)
      expect(await store.query(sql`SELECT count() AS rows FROM log_records`)).toEqual([{ rows: '10' }])
    } finally {
      await store.close()
    }
  }, 120_000)
})

describe.skipIf(reasonNotToMount !== '')('a backend whose disk fills up', () => {
  it(
    'asks senders to wait before anything is lost, and goes on when there is room again',
    { timeout: 180_000 },
    async () => {
      disk = await mountSmallDisk(700)
      const { path } = disk
      const dataDir = join(path, 'data')
      await mkdir(dataDir)
      onTestFailed(() => void process.stderr.write(`${backend?.logLines.slice(-30).join('\n')}\n`))
      const env = { DISK_RESERVE_BYTES_MAX: String(96 * mebibyte) }
      backend = await startBackendProcess({ dataDir, env })
      await fillUpTo(disk, 150 * mebibyte)

      const corpus = createCorpus(4711)
      const acknowledged: string[] = []
      const refused: { status: number; retryAfter: string | null; text: string }[] = []
      const send = async (): Promise<void> => {
        for (const request of corpus.nextExports(60, BigInt(Date.now()) * 1_000_000n)) {
          const response = await fetch(`${backend?.otlpHttpUrl}/v1/traces`, {
            method: 'POST',
            headers: { 'content-type': 'application/x-protobuf' },
            body: Uint8Array.from(encodeExportRequest('traces', request)),
          })
          const text = await response.text()
          if (response.status === 200)
            acknowledged.push(...spansOf(request).map(({ spanId }) => Buffer.from(spanId).toString('hex')))
          else
            refused.push({ status: response.status, retryAfter: response.headers.get('retry-after'), text })
        }
      }
      /** True when it was taken; a refusal has to be one that exporters repeat. */
      const sendOverGrpc = async (): Promise<boolean> => {
        const [request] = corpus.nextExports(60, BigInt(Date.now()) * 1_000_000n)
        if (request === undefined) throw new Error('no export')
        const bytes = encodeExportRequest('traces', request)
        const refusal = await exportOverGrpc(backend?.otlpGrpcUrl ?? '', 'traces', bytes).then(
          () => undefined,
          (error: ServiceError) => error,
        )
        if (refusal === undefined) {
          acknowledged.push(...spansOf(request).map(({ spanId }) => Buffer.from(spanId).toString('hex')))
          return true
        }
        expect(refusal).toMatchObject({
          code: rpcStatus.UNAVAILABLE,
          details: expect.stringContaining('the disk is nearly full') as string,
        })
        expect(statusOf(refusal).details).toEqual([retryInfo])
        return false
      }
      const status = async () => {
        const response = await fetch(`${backend?.apiUrl}/api/v1/status`)
        return (await response.json()) as {
          queue: { recordsBehind: number }[]
          disk: { isRefusing: boolean; bytesFree: number }
        }
      }
      const writtenAll = () =>
        eventually(async () => {
          expect((await status()).queue.map(({ recordsBehind }) => recordsBehind)).toEqual([0, 0, 0])
        }, 60_000)

      let bytesFreeLeast = Infinity
      while (refused.length === 0) {
        await send()
        bytesFreeLeast = Math.min(bytesFreeLeast, await bytesFreeOn(path))
      }
      expect(acknowledged.length).toBeGreaterThan(1000)
      for (const { status: code, retryAfter, text } of refused) {
        expect({ code, retryAfter }).toEqual({ code: 503, retryAfter: '1' })
        expect(text).toContain('the disk is nearly full')
      }
      // Merges may give room back at any moment; what comes then fills it again.
      await eventually(async () => {
        await send()
        expect(await sendOverGrpc()).toBe(false)
        expect((await status()).disk).toMatchObject({ isRefusing: true })
        const ready = await fetch(`${backend?.apiUrl}/readyz?verbose`)
        expect(ready.status).toBe(200)
        expect(await ready.text()).toContain('[-]disk failed: the disk is nearly full')
        const metrics = await (await fetch(`${backend?.apiUrl}/metrics`)).text()
        expect(metrics).toMatch(/disk_refusing(\{[^}]*\})? 1/)
      }, 30_000)
      // What was taken can still be written, merged and read.
      await writtenAll()
      expect(bytesFreeLeast).toBeGreaterThan(48 * mebibyte)

      await rm(join(path, 'filler'))
      const acknowledgedBefore = acknowledged.length
      await eventually(async () => {
        await send()
        expect(acknowledged.length).toBeGreaterThan(acknowledgedBefore + 1000)
        expect(await sendOverGrpc()).toBe(true)
      }, 30_000)
      await backend.kill()
      backend = await startBackendProcess({ dataDir, env })
      await writtenAll()
      const failures = backend.logLines.filter((line) => line.includes('ENOSPC'))
      expect(failures).toEqual([])
      expect(await backend.stop()).toBe(0)

      const store = await openStore({ dataDir, database: 'otel' })
      const rows = await store.query<{ id: string; copies: string }>(
        sql`SELECT lower(hex(span_id)) AS id, count() AS copies FROM spans GROUP BY id`,
      )
      await store.close()
      const copies = new Map(rows.map(({ id, copies: count }) => [id, count]))
      expect(acknowledged.filter((id) => copies.get(id) !== '1')).toEqual([])
    },
  )

  it(
    'gives up its ballast when other programs have used up the reserve, and makes it anew before it takes anything',
    { timeout: 180_000 },
    async () => {
      disk = await mountSmallDisk(700)
      const { path } = disk
      const dataDir = join(path, 'data')
      await mkdir(dataDir)
      onTestFailed(() => void process.stderr.write(`${backend?.logLines.slice(-30).join('\n')}\n`))
      backend = await startBackendProcess({ dataDir })
      await eventually(
        async () => expect((await stat(join(dataDir, 'ballast'))).size).toBe(7 * mebibyte),
        20_000,
      )
      await fillUpTo(disk, 100_000)
      await eventually(async () => expect(await readdir(dataDir)).not.toContain('ballast'), 10_000)
      await rm(join(path, 'filler'))
      await eventually(async () => expect(await readdir(dataDir)).toContain('ballast'), 20_000)
      const { otlpHttpUrl } = backend
      const send = () =>
        fetch(`${otlpHttpUrl}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
      // It has its name before it has its size.
      await eventually(async () => expect((await send()).status).toBe(200), 20_000)
      expect((await stat(join(dataDir, 'ballast'))).size).toBe(7 * mebibyte)
    },
  )
})
