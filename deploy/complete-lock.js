// Puts the optional packages of other platforms back into package-lock.json. npm leaves an optional package out of the
// lock when the registry in use does not carry it, and `npm ci` then refuses the lock on every machine.
// Run after `npm install`: npm run lock:complete
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))

const oses = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'aix',
  'win32',
]
const cpus = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32']

/** The platform that a package's name tells, as in `@scope/thing-linux-arm64-gnu`; undefined if it tells none. */
const platformOf = (name) => {
  const words = name.split(/[-/.]/)
  const os = oses.find((word) => words.includes(word)) ?? (words.includes('windows') ? 'win32' : undefined)
  const cpu = cpus.find((word) => words.includes(word))
  const wasm = words.some((word) => word.startsWith('wasm32'))
  if (os === undefined && !wasm) return undefined
  return { ...(cpu && { cpu: [cpu] }), ...(wasm && { cpu: ['wasm32'] }), ...(os && { os: [os] }) }
}

let added = 0
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    const exact = version.replace(/^[\^~]/, '')
    if (lock.packages[key] !== undefined || !/^\d+\.\d+\.\d+[\w.-]*$/.test(exact)) continue
    const platform = platformOf(name) ?? (name === 'fsevents' ? { os: ['darwin'] } : undefined)
    if (platform === undefined) continue
    lock.packages[key] = { version: exact, ...platform, optional: true }
    added += 1
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`${added} optional packages of other platforms added to package-lock.json\n`)
