/**
 * Loaded before a benchmark, it has the processes that the benchmark starts leave out every sync: what durability costs is the
 * difference.
 *
 *     node --import ./test/harness/without-sync.ts test/bench/ingest.ts --rate 10000 --seconds 40
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildRecorder } from '../power-cut/recorder.ts'

const { folder, withoutSync } = await buildRecorder()
const node = join(folder, 'node')
const assignments = Object.entries(withoutSync).map(([name, value]) => `${name}='${value}'`)
writeFileSync(node, `#!/bin/sh\nexec env ${assignments.join(' ')} '${process.execPath}' "$@"\n`)
chmodSync(node, 0o755)
process.execPath = node
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
