import type { EngineSession } from './engine-session.ts'

/** What every answer says of the engine, and does not change while it runs. */
export interface ServerFacts {
  version: string
  displayName: string
  timezone: string
  /** By the name of the format in small letters. */
  contentTypes: ReadonlyMap<string, string>
}

export const readServerFacts = async (session: EngineSession): Promise<ServerFacts> => {
  const answer = await session.run(
    'SELECT version() AS version, displayName() AS displayName, timezone() AS timezone',
    'JSONEachRow',
  )
  const formats = await session.run(
    `SELECT lower(name), content_type FROM system.formats WHERE is_output`,
    'JSONCompactEachRow',
  )
  const lines = formats.text().split('\n')
  return {
    ...(JSON.parse(answer.text()) as Omit<ServerFacts, 'contentTypes'>),
    contentTypes: new Map(
      lines.filter((line) => line !== '').map((line) => JSON.parse(line) as [string, string]),
    ),
  }
}
