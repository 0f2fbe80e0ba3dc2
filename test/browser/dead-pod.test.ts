import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type Page, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { findBrowser } from '../harness/chromium.ts'
import { deadPodTelemetry, hostileSpanName, killedPod, traceCount } from '../harness/dead-pod.ts'
import { eventually } from '../harness/eventually.ts'

const found = await findBrowser()
if ('missing' in found) {
  if (process.env['CI'] === 'true') throw new Error(found.missing)
  process.stderr.write(`skipped: the browser test (test/browser/dead-pod.test.ts). ${found.missing}\n`)
}

const screenshots = fileURLToPath(new URL('../../test-output/screenshots', import.meta.url))
const waitMillis = 15_000

describe.skipIf('missing' in found)('a person who looks for a dead pod', () => {
  let dataDir: string
  let backend: BackendProcess
  let browser: Browser
  let page: Page
  const telemetry = deadPodTelemetry(Date.now())
  /** What the browser complained about: errors of scripts, refused resources, dialogs that telemetry opened. */
  const complaints: string[] = []

  const send = async (signal: 'traces' | 'logs', body: object): Promise<void> => {
    const response = await fetch(`${backend.otlpHttpUrl}/v1/${signal}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(await response.text()).toBe('{}')
  }

  const look = (name: string): Promise<Buffer> => page.screenshot({ path: join(screenshots, `${name}.png`) })

  beforeAll(async () => {
    await mkdir(screenshots, { recursive: true })
    dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-browser-'))
    backend = await startBackendProcess({ dataDir })
    browser = await chromium.launch({
      executablePath: 'path' in found ? found.path : '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    })
    page = await browser.newPage({
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
      colorScheme: 'light',
    })
    page.setDefaultTimeout(waitMillis)
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await backend?.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  it('is told what to do while there is nothing to see', async () => {
    onTestFailed(() => void look('failed-empty'))
    await page.goto(backend.apiUrl)
    await page.getByRole('heading', { name: 'Nothing has arrived yet' }).waitFor()
    await expect
      .poll(() => page.getByRole('main').textContent(), { timeout: waitMillis })
      .toContain(`OTEL_EXPORTER_OTLP_ENDPOINT=${backend.otlpHttpUrl}`)
    await look('empty')
  })

  it('clicks from the services to the trace that the death cut short', async () => {
    onTestFailed(() => void look('failed-clicks'))
    await send('traces', telemetry.traces)
    await send('logs', telemetry.logs)
    await eventually(async () => {
      const response = await fetch(`${backend.apiUrl}/api/v1/traces/${telemetry.killedTraceId}`)
      expect(response.status).toBe(200)
    }, waitMillis)

    await page.goto(backend.apiUrl)
    await page.getByRole('link', { name: 'Traces of inventory' }).waitFor()
    await look('services')
    await page.getByRole('link', { name: 'Traces of inventory' }).click()

    const table = page.getByRole('table', { name: 'Traces' })
    await expect.poll(() => table.locator('tbody tr').count(), { timeout: waitMillis }).toBe(traceCount)
    expect(new URL(page.url()).searchParams.get('service')).toBe('inventory')
    await look('traces')
    await table.locator('tbody tr').first().getByRole('link').first().click()

    const timeline = page.getByRole('treegrid')
    await timeline.waitFor()
    expect(page.url()).toContain(telemetry.killedTraceId)
    const deadSpan = timeline.getByRole('row').filter({ hasText: hostileSpanName })
    expect(await deadSpan.textContent()).toContain('gone: OOMKilled')
    await look('trace')
  })

  it('sees what a span of the dead pod held, and its logs', async () => {
    onTestFailed(() => void look('failed-details'))
    await page.getByRole('treegrid').getByRole('row').filter({ hasText: hostileSpanName }).click()
    const details = page.getByRole('complementary')
    await details.getByText('http.route').first().waitFor()
    expect(await details.textContent()).toContain(killedPod.name)
    expect(await details.textContent()).toContain('rows locked')
    await look('span')
    await page.keyboard.press('Escape')
    await expect.poll(() => details.count(), { timeout: waitMillis }).toBe(0)
    await page.getByText('Logs', { exact: false }).first().click()
    await page.getByText(`reserved for order ${traceCount - 1}`).waitFor()
    await look('logs')
  })

  it('finds the pod among the gone ones, with the reason', async () => {
    onTestFailed(() => void look('failed-pods'))
    await page.getByRole('link', { name: 'Pods', exact: true }).click()
    const row = page
      .getByRole('table', { name: 'Pods' })
      .locator('tbody tr')
      .filter({ hasText: killedPod.name })
    await row.waitFor()
    expect(await row.textContent()).toContain('OOMKilled')
    expect(await row.textContent()).toContain('137')
    await look('pods')
    await page.goBack()
    await page.getByText(`reserved for order ${traceCount - 1}`).waitFor()
  })

  it('sees the same in the dark, in Korean, and in a shared link', async () => {
    onTestFailed(() => void look('failed-korean'))
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'ko-KR',
      colorScheme: 'dark',
    })
    const other = await context.newPage()
    for (const [name, path] of [
      ['services', '/services'],
      ['traces', '/traces?service=inventory'],
      ['trace', `/traces/${telemetry.killedTraceId}`],
      ['pods', '/pods'],
    ] as const) {
      await other.goto(`${backend.apiUrl}${path}`)
      await other.getByText('inventory').first().waitFor({ timeout: waitMillis })
      await other.screenshot({ path: join(screenshots, `${name}-dark-korean.png`) })
    }
    expect(await other.locator('html').getAttribute('lang')).toBe('ko')
    await context.close()
  })

  it('is shown telemetry as text only', async () => {
    await page.goto(`${backend.apiUrl}/traces/${telemetry.killedTraceId}`)
    await page.getByText(hostileSpanName).first().waitFor()
    expect(await page.locator('img').count()).toBe(0)
    expect(complaints).toEqual([])
  })
})
