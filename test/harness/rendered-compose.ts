/** deploy/compose.yaml as compose understands it, and what the program makes of the settings in it. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { type ProgramSettings, readSettings, settings } from '../../cli/settings.ts'

const text = z.string().min(1)
const dependency = z.strictObject({ condition: z.enum(['service_healthy', 'service_started']) })
const healthCheck = z.union([
  z.strictObject({
    test: z.tuple([z.literal('CMD')], text),
    interval: text,
    timeout: text,
    start_period: text,
    retries: z.int(),
  }),
  z.strictObject({ disable: z.literal(true) }),
])
// Strict, so that a key with a typing error, which compose refuses, is refused here.
const service = z.strictObject({
  image: text,
  build: z.strictObject({ context: text, dockerfile: text }).optional(),
  command: z.array(text).default([]),
  environment: z.record(text, z.string()).default({}),
  profiles: z.array(text).default([]),
  ports: z.array(text).default([]),
  volumes: z.array(text).default([]),
  configs: z.array(z.strictObject({ source: text, target: text })).default([]),
  tmpfs: z.array(text).default([]),
  ulimits: z.record(text, z.strictObject({ soft: z.int(), hard: z.int() })).default({}),
  healthcheck: healthCheck.optional(),
  restart: z.enum(['unless-stopped', 'no']),
  stop_grace_period: text.optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(text).default([]),
  security_opt: z.array(text).default([]),
  depends_on: z.record(text, dependency).default({}),
  deploy: z.strictObject({
    resources: z.strictObject({ limits: z.strictObject({ cpus: text, memory: text }) }),
  }),
})
const compose = z.strictObject({
  name: text,
  'x-settings': z.unknown(),
  'x-role': z.unknown(),
  services: z.record(text, service),
  configs: z.record(text, z.strictObject({ file: text })),
  volumes: z.record(text, z.null()),
})

export type ComposeService = z.infer<typeof service>
export type RenderedCompose = z.infer<typeof compose>

/** As compose does it for a user who has set nothing but `variables`. @throws when compose would refuse the file. */
export const renderCompose = (variables: Readonly<Record<string, string>> = {}): RenderedCompose => {
  const fill = (scalar: string): string =>
    scalar.replace(
      /\$\{(\w+):-([^}]*)\}/g,
      (_match, name: string, fallback: string) => variables[name] || fallback,
    )
  const file = new URL('../../deploy/compose.yaml', import.meta.url)
  // Variables are filled in after the text was parsed: what they say cannot change what the file says.
  const source: unknown = parse(readFileSync(file, 'utf8'), { merge: true })
  return compose.parse(
    JSON.parse(JSON.stringify(source), (_key, value: unknown) =>
      typeof value === 'string' ? fill(value) : value,
    ),
  )
}

export const settingNames = Object.keys(settings)

/** What the program makes of a container's environment. @throws InvalidSettings */
export const programSettings = (environment: Readonly<Record<string, string>>): ProgramSettings =>
  readSettings(environment)
