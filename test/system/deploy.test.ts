/** There is not always a Docker to try it in: what can be wrong in deploy/ without one, against the program itself. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { dockerImage } from '../harness/kafka/broker-engine.ts'
import {
  type ComposeService,
  programSettings,
  renderCompose,
  settingNames,
} from '../harness/rendered-compose.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const composeFile = 'deploy/compose.yaml'
const text = z.string().min(1)

const { services, configs, volumes } = renderCompose()
const serviceNamed = (name: string): ComposeService => {
  const found = services[name]
  if (found === undefined) throw new Error(`no service ${name}`)
  return found
}
const ours = Object.entries(services).filter(([, { build }]) => build !== undefined)
const roles = ours.filter(([, { profiles }]) => profiles.length === 0)

const isComposeHere = spawnSync('docker', ['compose', 'version']).status === 0
const help = execFileSync(process.execPath, [join(root, 'cli/main.ts'), '--help'], { encoding: 'utf8' })
const commands = [...help.matchAll(/^ {2}([a-z-]+) (?:\[options\])? /gm)].map(([, command]) => command)

/** Kafka's setting is known to the program and refused until the roles are there. */
const settingsOf = (environment: Readonly<Record<string, string>>): ReturnType<typeof programSettings> =>
  programSettings(commands.includes('writer') ? environment : { ...environment, KAFKA_BROKERS: '' })

describe('the compose file', () => {
  it('leaves no variable without a default, and tells of each at its head', () => {
    const source = read(composeFile)
    const used = new Set([...source.matchAll(/\$\{(\w+)/g)].map(([, name]) => name))
    const told = [...source.matchAll(/^# {3}([A-Z_]+) {2,}/gm)].map(([, name]) => name)
    expect(new Set(told)).toEqual(used)
    expect(JSON.stringify(services)).not.toContain('${')
  })

  it.runIf(isComposeHere)('is taken by compose itself', () => {
    const args = ['compose', '--file', join(root, composeFile), '--profile', 'demo', 'config', '--quiet']
    expect(spawnSync('docker', args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  it('has the four roles', () => {
    expect(roles.map(([name]) => name)).toEqual(['collector', 'writer', 'jobs', 'query-api'])
    for (const [name, { command }] of ours) expect(command[0]).toBe(name)
  })

  it.runIf(commands.includes('writer'))('starts commands that the program has', () => {
    expect(commands).toEqual(expect.arrayContaining(ours.map(([name]) => name)))
  })

  it.each(ours)(
    'gives %s settings that the program has, with values that it takes',
    (_name, { environment }) => {
      expect(settingNames).toEqual(expect.arrayContaining(Object.keys(environment)))
      expect(() => settingsOf(environment)).not.toThrow()
    },
  )

  it('hands on the tokens that the user sets', () => {
    const rendered = renderCompose({
      INGEST_TOKEN: 'a-token-for-senders',
      API_TOKENS: 'a-token-for-readers=team',
    }).services
    for (const [name] of roles) {
      const { INGEST_TOKENS, API_TOKENS } = settingsOf(rendered[name]?.environment ?? {})
      expect([INGEST_TOKENS.size, API_TOKENS.size]).toEqual([1, 1])
    }
    expect(rendered['opentelemetry-collector']?.environment['INGEST_TOKEN']).toBe('a-token-for-senders')
  })

  it.each(ours)('gives %s no rights, and a root that cannot be written', (_name, container) => {
    expect(container).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
    const writable = container.tmpfs.map((entry) => entry.split(':')[0])
    expect(writable).toEqual(['/tmp', dockerfile.environment['DATA_DIR']])
  })

  it.each(Object.entries(services))(
    'pins the image of %s, and publishes to this machine only',
    (_name, container) => {
      expect(container.image).toMatch(/^[a-z/-]+:\d+(\.\d+){2,3}$/)
      for (const port of container.ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/)
    },
  )

  it('waits only for what says that it is healthy', () => {
    for (const [name, container] of Object.entries(services))
      for (const [other, { condition }] of Object.entries(container.depends_on)) {
        const { build, healthcheck } = serviceNamed(other)
        const isAsked = build !== undefined || healthcheck !== undefined
        expect({ name, other, isAsked }).toEqual({ name, other, isAsked: condition === 'service_healthy' })
      }
  })

  it('mounts what it declares', () => {
    const mounted = Object.values(services).flatMap(({ volumes }) =>
      volumes.map((volume) => volume.split(':')[0]),
    )
    expect(new Set(mounted)).toEqual(new Set(Object.keys(volumes)))
    const given = Object.values(services).flatMap(({ configs }) => configs.map(({ source }) => source))
    expect(given).toEqual(Object.keys(configs))
    for (const { file } of Object.values(configs)) expect(read(`deploy/${file}`)).not.toBe('')
  })

  it('has the roles find Kafka and ClickHouse', () => {
    const kafka = serviceNamed('kafka')
    const clickhouse = serviceNamed('clickhouse')
    expect(kafka.image).toBe(dockerImage)
    for (const [name, { environment }] of roles) {
      const { CLICKHOUSE_URL: url } = settingsOf(environment)
      expect([name, url && new URL(url).host]).toEqual([name, 'clickhouse:8123'])
      expect(url && [new URL(url).username, new URL(url).password]).toEqual([
        clickhouse.environment['CLICKHOUSE_USER'],
        clickhouse.environment['CLICKHOUSE_PASSWORD'],
      ])
      expect(kafka.environment['KAFKA_ADVERTISED_LISTENERS']).toBe(
        `PLAINTEXT://${environment['KAFKA_BROKERS']}`,
      )
    }
  })

  it('has the Collector in front find the role behind it, and wait for its answer', () => {
    const { exporters, processors, receivers, service } = z
      .object({
        receivers: z.object({ otlp: z.object({ protocols: z.record(text, z.object({ endpoint: text })) }) }),
        processors: z.record(text, z.unknown()),
        exporters: z.record(
          text,
          z.object({ endpoint: text, sending_queue: z.strictObject({ enabled: z.literal(false) }) }),
        ),
        service: z.object({
          pipelines: z.record(
            text,
            z.strictObject({
              receivers: z.array(text),
              processors: z.array(text),
              exporters: z.array(text),
            }),
          ),
        }),
      })
      .parse(parse(read('deploy/opentelemetry-collector.yaml')))
    const { OTLP_GRPC_PORT } = settingsOf(serviceNamed('collector').environment)
    expect(exporters).toMatchObject({ otlp_grpc: { endpoint: `dns:///collector:${OTLP_GRPC_PORT}` } })
    expect(Object.keys(service.pipelines)).toEqual(['traces', 'logs', 'metrics'])
    for (const pipeline of Object.values(service.pipelines))
      expect(pipeline).toEqual({
        receivers: Object.keys(receivers),
        processors: Object.keys(processors),
        exporters: Object.keys(exporters),
      })
    const published = serviceNamed('opentelemetry-collector').ports.map((port) => port.split(':').at(-1))
    const listening = Object.values(receivers.otlp.protocols).map(({ endpoint }) => endpoint.split(':')[1])
    expect(published).toEqual(listening)
  })
})

/** Of the last stage. */
const dockerfile = (() => {
  const source = read('deploy/Dockerfile').replaceAll('\\\n', ' ')
  const lastStage = source.slice(source.lastIndexOf('\nFROM '))
  const instructions = [...lastStage.matchAll(/^([A-Z]+) (.*)$/gm)].map(([, name, rest]) => ({ name, rest }))
  const all = (name: string): string[] =>
    instructions.filter((instruction) => instruction.name === name).map(({ rest = '' }) => rest)
  const pairs = all('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=')))
  return {
    baseImage: /^ARG NODE_IMAGE=(.*)$/m.exec(source)?.[1] ?? '',
    stages: [...source.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image),
    environment: Object.fromEntries(pairs) as Record<string, string>,
    copied: all('COPY').map((line) => line.split(' ').at(-1)?.replace(/^\.\//, '')),
    user: all('USER').at(-1) ?? '',
    volumes: all('VOLUME'),
    healthCheck: all('HEALTHCHECK').at(-1) ?? '',
  }
})()

describe('the image', () => {
  const { version, imports, devDependencies } = z
    .object({ version: text, imports: z.record(text, text), devDependencies: z.record(text, text) })
    .parse(JSON.parse(read('package.json')))

  it('is called by the version of the program', () => {
    expect(new Set(ours.map(([, { image }]) => image))).toEqual(new Set([`aftertrace:${version}`]))
  })

  it('has the Node that the package carries, in each stage', () => {
    expect(dockerfile.baseImage).toBe(`node:${devDependencies['node']}-bookworm-slim`)
    expect(new Set(dockerfile.stages)).toEqual(new Set(['${NODE_IMAGE}']))
  })

  it('has everything that the program imports', () => {
    const doors = Object.values(imports).map((path) => path.replace(/^\.\/|\/\*$/g, ''))
    expect(dockerfile.copied).toEqual(expect.arrayContaining([...doors, 'cli', 'node_modules', 'ui/dist']))
  })

  it('runs as a user without rights, who has a folder for data', () => {
    expect(dockerfile.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(dockerfile.volumes).toEqual([dockerfile.environment['DATA_DIR']])
    expect(settingNames).toContain('DATA_DIR')
  })

  let stopServer: (() => void) | undefined
  afterEach(() => stopServer?.())

  it('is healthy when the program in it is ready', async () => {
    expect(dockerfile.healthCheck).toContain('["node", "/opt/aftertrace/deploy/healthcheck.js"]')
    let status = 200
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/readyz' ? status : 404).end('from /readyz\n')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    stopServer = () => server.close()
    const { port } = server.address() as AddressInfo
    const check = async (): Promise<unknown> => {
      const child = spawn(process.execPath, [join(root, 'deploy/healthcheck.js')], {
        env: { HTTP_PORT: String(port) },
        stdio: 'ignore',
      })
      return (await once(child, 'exit'))[0] as unknown
    }
    expect(await check()).toBe(0)
    status = 503
    expect(await check()).toBe(1)
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
    expect(await check()).toBe(1)
  })
})
