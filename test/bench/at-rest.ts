import { setTimeout as delay } from 'node:timers/promises'
import type { Store } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'

const quietLooksMin = 20
const lookMillis = 250

/** Resolves once there was no merge for five seconds. */
export const atRest = async (store: Store): Promise<void> => {
  for (let quietLooks = 0; quietLooks < quietLooksMin; await delay(lookMillis)) {
    const [row] = await store.query<{ merges: string }>(sql`SELECT count() AS merges FROM system.merges`)
    quietLooks = row?.merges === '0' ? quietLooks + 1 : 0
  }
}
