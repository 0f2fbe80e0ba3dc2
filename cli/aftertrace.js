#!/usr/bin/env node
// The program `aftertrace`. Plain JavaScript that any Node can read: it runs the program on a Node that is new enough
// (the one this package carries, where the machine's is too old), with as many threads as the embedded engine needs.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const nodeMajorMin = 24
// Read by libuv once, before the first line of this program could set it: hence the new process image below.
const threadPoolSize = '24'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const isNewEnough = Number(process.versions.node.split('.')[0]) >= nodeMajorMin

const carriedNode = () => {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

const run = (node) => {
  const args = ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)]
  const env = { UV_THREADPOOL_SIZE: threadPoolSize, ...process.env }
  if (typeof process.execve === 'function' && process.platform !== 'win32')
    process.execve(node, [node, ...args], env)
  const child = spawn(node, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

const node = isNewEnough ? process.execPath : carriedNode()
if (node === undefined) {
  process.stderr.write(
    `aftertrace needs Node ${nodeMajorMin} or newer; this is ${process.version}. Install the package's dependencies (npm ci), which bring one along.\n`,
  )
  process.exit(1)
}
run(node)
