import { seededRandom } from '../harness/seeded-random.ts'
import type { FileChange } from './file-content.ts'
import type { FileNode, NameChange, Survival, TreeNode } from './recorded-tree.ts'

/** Nothing that no sync covers survives: no byte, no name, no removal of a name. */
const strict: Survival = {
  names: () => new Set(),
  content: ({ durable }) => durable.bytes(),
}

/**
 * As file systems with one journal do it (ext4, XFS): names change on disk in the order in which they changed, up to some
 * moment after the last that a sync has committed; bytes that were not synced are there as far as they came.
 */
const journaled = (seed: number): Survival => {
  const random = seededRandom(seed)
  const bias = biasOf(random)
  return {
    names: (pending, { committedAt, now }) => {
      const until = committedAt + Math.round((now - committedAt) * bias(random()))
      return new Set(pending.filter(({ at }) => at <= until))
    },
    content: (file) => contentWith(file, changesThatCame(file.pending, random)),
  }
}

/**
 * Each change by chance: names in any order (only the steps of one file or folder stay in theirs), a file of its new length
 * with its old bytes or none, pages of which some are new.
 */
const adversarial = (seed: number): Survival => {
  const random = seededRandom(seed)
  const share = random()
  return {
    names: (pending) => {
      const stopped = new Set<TreeNode>()
      const surviving = new Set<NameChange>()
      for (const change of pending) {
        if (random() < share && change.nodes.every((node) => !stopped.has(node))) surviving.add(change)
        else for (const node of change.nodes) stopped.add(node)
      }
      return surviving
    },
    content: (file) => {
      if (file.pending.length === 0) return file.durable.bytes()
      const outcomes = [nothingCame, allCame, onlyLengthCame, somePagesCame, beginningCame]
      return (outcomes[Math.floor(random() * outcomes.length)] ?? nothingCame)(file, random)
    },
  }
}

/** Every way in which a cut may be survived; a seed makes it one of them. */
export const waysToSurvive: readonly { name: string; survivalOf: (seed: number) => Survival }[] = [
  { name: 'strict', survivalOf: () => strict },
  { name: 'journaled', survivalOf: journaled },
  { name: 'adversarial', survivalOf: adversarial },
]

/** Nothing, everything and what is between are each as likely. */
const biasOf = (random: () => number): ((share: number) => number) => {
  const choice = random()
  if (choice < 0.3) return () => 0
  return choice < 0.6 ? () => 1 : (share) => share
}

const pageBytes = 4096
const sectorBytes = 512

type Outcome = (file: FileNode, random: () => number) => Buffer

const contentWith = ({ durable }: FileNode, changes: readonly FileChange[]): Buffer => {
  if (changes.length === 0) return durable.bytes()
  const content = durable.copy()
  for (const change of changes) content.apply(change)
  return content.bytes()
}

const nothingCame: Outcome = ({ durable }) => durable.bytes()
const allCame: Outcome = (file) => contentWith(file, file.pending)
const beginningCame: Outcome = (file, random) => contentWith(file, changesThatCame(file.pending, random))

const onlyLengthCame: Outcome = (file) => {
  const content = file.durable.copy()
  content.apply({ at: 0, size: file.size })
  return content.bytes()
}

const somePagesCame: Outcome = (file, random) => {
  const bytes = Buffer.from(onlyLengthCame(file, random))
  const newest = contentWith(file, file.pending)
  for (let start = 0; start < bytes.length; start += pageBytes)
    if (random() < 0.5) newest.copy(bytes, start, start, Math.min(start + pageBytes, newest.length))
  return bytes
}

/** The first so many changes, the last of them torn at a sector. */
const changesThatCame = (pending: readonly FileChange[], random: () => number): FileChange[] => {
  const count = Math.floor(random() * (pending.length + 1))
  const came = pending.slice(0, count)
  const next = pending[count]
  if (next === undefined || !('bytes' in next)) return came
  const sectors = Math.floor((random() * next.bytes.length) / sectorBytes)
  return sectors === 0 ? came : [...came, { ...next, bytes: next.bytes.subarray(0, sectors * sectorBytes) }]
}
