import { mkdir, readFile, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileChange, type FileContent, createFileContent } from './file-content.ts'
import type { Entry } from './recording.ts'

/**
 * What a recording did to a folder, replayed up to some entry: how the folder looks to processes, and what of it a loss
 * of power at that moment surely leaves. Nothing is surely left but what a sync covered that had ended: the bytes of a
 * file by a sync of the file, a name by a sync of its folder. What becomes of everything else, a `Survival` says.
 */
export interface RecordedTree {
  /** Goes on to the entry of this number, which is not replayed; never back. */
  replayTo(entryCount: number): void
  /** Writes what a loss of power leaves now into a folder that is empty. */
  writeImage(folder: string, survival: Survival): Promise<void>
  /** Where the folder, as it is on disk, differs from what the recording made of it: what was not seen. */
  differencesTo(folder: string): Promise<string[]>
}

/** Which changes survive a loss of power though no sync covers them. */
export interface Survival {
  names(pending: readonly NameChange[], journal: JournalState): ReadonlySet<NameChange>
  content(file: FileNode): Buffer
}

export interface JournalState {
  /** The last change that a file system with one journal has surely committed: with it, all that were made before. */
  committedAt: number
  /** Of the last entry that was replayed. */
  now: number
}

export type TreeNode = FileNode | FolderNode | SymlinkNode

export interface FileNode {
  kind: 'file'
  durable: FileContent
  /** Not covered by a sync, in order. */
  pending: FileChange[]
  /** As processes see it. */
  size: number
  /** The last change of its names or its size. */
  touchedAt: number
}

export interface FolderNode {
  kind: 'folder'
  names: Map<string, TreeNode>
  durableNames: Map<string, DurableName>
  touchedAt: number
}

interface SymlinkNode {
  kind: 'symlink'
  target: string
  touchedAt: number
}

/** Undefined: surely gone. */
interface DurableName {
  node: TreeNode | undefined
  at: number
}

/** What one call did to names: all of it survives, or nothing. */
export interface NameChange {
  at: number
  nodes: readonly TreeNode[]
  sets: readonly { folder: FolderNode; name: string; node: TreeNode | undefined }[]
}

/** A folder as it was when a recording began, all of it on disk for good. */
export interface LoadedTree {
  root: FolderNode
  byInode: Map<number, TreeNode>
}

export const loadTree = async (folder: string): Promise<LoadedTree> => {
  const byInode = new Map<number, TreeNode>()
  return { root: await loadFolder(folder, byInode), byInode }
}

/** Changes the loaded tree: it serves one recording. */
export const replayOn = ({ root, byInode }: LoadedTree, entries: readonly Entry[]): RecordedTree => {
  const syncs = new Map<number, { node: TreeNode | 'all'; at: number; touchedAt: number }>()
  let pendingNames: NameChange[] = []
  let committedAt = -1
  let now = -1

  const placeOf = (path: string): { folder: FolderNode; name: string; node: TreeNode | undefined } => {
    const steps = path.split('/')
    const name = steps.pop() ?? ''
    let at = root
    for (const step of steps) {
      const next = at.names.get(step)
      if (next?.kind !== 'folder') throw new Error(`the recording knows no folder ${step} of ${path}`)
      at = next
    }
    return { folder: at, name, node: at.names.get(name) }
  }

  const changeNames = (sets: NameChange['sets'], nodes: readonly TreeNode[]): void => {
    for (const { folder, name, node } of sets) {
      if (node === undefined) folder.names.delete(name)
      else folder.names.set(name, node)
      folder.touchedAt = now
    }
    for (const node of nodes) node.touchedAt = now
    pendingNames.push({ at: now, nodes, sets })
  }

  const rename = (from: string, to: string): void => {
    const source = placeOf(from)
    const target = placeOf(to)
    // Two names of the same file: the call does nothing.
    if (source.node === undefined || source.node === target.node) return
    const { node } = source
    changeNames(
      [
        { ...source, node: undefined },
        { ...target, node },
      ],
      target.node === undefined ? [node] : [node, target.node],
    )
  }

  const settle = (folderOrAll: FolderNode | 'all', at: number): void => {
    const left: NameChange[] = []
    for (const change of pendingNames) {
      const isCovered =
        change.at <= at && (folderOrAll === 'all' || change.sets.some(({ folder }) => folder === folderOrAll))
      if (isCovered) applyDurably(change)
      else left.push(change)
    }
    pendingNames = left
  }

  const endSync = ({
    node,
    at,
    touchedAt,
  }: {
    node: TreeNode | 'all'
    at: number
    touchedAt: number
  }): void => {
    committedAt = Math.max(committedAt, touchedAt)
    if (node === 'all') {
      settle('all', at)
      for (const each of byInode.values()) if (each.kind === 'file') settleBytes(each, at)
    } else if (node.kind === 'folder') settle(node, at)
    else if (node.kind === 'file') settleBytes(node, at)
  }

  const change = (node: TreeNode | undefined, made: FileChange): void => {
    // Another file of the same disk.
    if (node?.kind !== 'file') return
    node.pending.push(made)
    const size = 'size' in made ? made.size : Math.max(node.size, made.offset + made.bytes.length)
    if (size !== node.size) node.touchedAt = now
    node.size = size
  }

  const replay = (entry: Entry): void => {
    switch (entry.kind) {
      case 'made': {
        const node = newNode(entry, now)
        byInode.set(entry.inode, node)
        changeNames([{ ...placeOf(entry.path), node }], [node])
        return
      }
      case 'wrote':
        return change(byInode.get(entry.inode), { at: now, offset: entry.offset, bytes: entry.bytes })
      case 'cut':
        return change(byInode.get(entry.inode), { at: now, size: entry.size })
      case 'linked': {
        const { node } = placeOf(entry.from)
        if (node !== undefined) changeNames([{ ...placeOf(entry.to), node }], [node])
        return
      }
      case 'renamed':
        return rename(entry.from, entry.to)
      case 'exchanged': {
        const [one, other] = [placeOf(entry.from), placeOf(entry.to)]
        if (one.node === undefined || other.node === undefined) return
        changeNames(
          [
            { ...one, node: other.node },
            { ...other, node: one.node },
          ],
          [one.node, other.node],
        )
        return
      }
      case 'removed': {
        const place = placeOf(entry.path)
        changeNames([{ ...place, node: undefined }], place.node === undefined ? [] : [place.node])
        return
      }
      case 'syncBegan': {
        const node = entry.inode === 'all' ? 'all' : byInode.get(entry.inode)
        if (node === undefined) return
        syncs.set(entry.syncId, { node, at: now, touchedAt: node === 'all' ? now : node.touchedAt })
        return
      }
      case 'syncEnded': {
        const sync = syncs.get(entry.syncId)
        syncs.delete(entry.syncId)
        if (sync !== undefined) endSync(sync)
      }
    }
  }

  return {
    replayTo: (entryCount) => {
      while (now + 1 < Math.min(entryCount, entries.length)) {
        now += 1
        const entry = entries[now]
        if (entry !== undefined) replay(entry)
      }
    },
    writeImage: async (folder, survival) => {
      const surviving = survival.names(pendingNames, { committedAt, now })
      const overlay = new Map<FolderNode, Map<string, DurableName>>()
      const namesOf = (node: FolderNode): ReadonlyMap<string, DurableName> =>
        overlay.get(node) ?? node.durableNames
      for (const { at, sets } of pendingNames.filter((each) => surviving.has(each)))
        for (const { folder: changed, name, node } of sets) {
          const names = overlay.get(changed) ?? new Map(changed.durableNames)
          overlay.set(changed, names)
          if (at > (names.get(name)?.at ?? -1)) names.set(name, { node, at })
        }
      const contents = new Map<FileNode, Buffer>()
      const contentOf = (file: FileNode): Buffer => {
        const content = contents.get(file) ?? survival.content(file)
        contents.set(file, content)
        return content
      }
      await writeFolder(root, folder, { namesOf, contentOf })
    },
    differencesTo: async (folder) => {
      const found: string[] = []
      await compare(root, folder, '', found)
      return found
    },
  }
}

const applyDurably = ({ at, sets }: NameChange): void => {
  for (const { folder, name, node } of sets) {
    const known = folder.durableNames.get(name)
    if (at > (known?.at ?? -1)) folder.durableNames.set(name, { node, at })
  }
}

const settleBytes = (file: FileNode, at: number): void => {
  for (const change of file.pending) if (change.at <= at) file.durable.apply(change)
  file.pending = file.pending.filter((change) => change.at > at)
}

const newNode = ({ what, target }: Entry & { kind: 'made' }, at: number): TreeNode => {
  if (what === 'symlink') return { kind: 'symlink', target, touchedAt: at }
  if (what === 'folder') return { kind: 'folder', names: new Map(), durableNames: new Map(), touchedAt: at }
  return { kind: 'file', durable: createFileContent(), pending: [], size: 0, touchedAt: at }
}

const loadFolder = async (path: string, byInode: Map<number, TreeNode>): Promise<FolderNode> => {
  const names = new Map<string, TreeNode>()
  for (const item of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, item.name)
    if (item.isDirectory()) names.set(item.name, await loadFolder(inner, byInode))
    else if (item.isSymbolicLink())
      names.set(item.name, { kind: 'symlink', target: await readlink(inner), touchedAt: -1 })
    else names.set(item.name, await loadFile(inner, byInode))
  }
  const durableNames = new Map([...names].map(([name, node]) => [name, { node, at: -1 }]))
  const folder: FolderNode = { kind: 'folder', names, durableNames, touchedAt: -1 }
  byInode.set((await stat(path)).ino, folder)
  return folder
}

const loadFile = async (path: string, byInode: Map<number, TreeNode>): Promise<TreeNode> => {
  const { ino, size } = await stat(path)
  const known = byInode.get(ino)
  if (known !== undefined) return known
  const durable = createFileContent(await readFile(path))
  const file: FileNode = { kind: 'file', durable, pending: [], size, touchedAt: -1 }
  byInode.set(ino, file)
  return file
}

interface ImageOf {
  namesOf(folder: FolderNode): ReadonlyMap<string, DurableName>
  contentOf(file: FileNode): Buffer
}

const writeFolder = async (folder: FolderNode, path: string, image: ImageOf): Promise<void> => {
  await mkdir(path, { recursive: true })
  for (const [name, { node }] of image.namesOf(folder)) {
    const inner = join(path, name)
    if (node?.kind === 'folder') await writeFolder(node, inner, image)
    else if (node?.kind === 'file') await writeFile(inner, image.contentOf(node))
    else if (node?.kind === 'symlink') await symlink(node.target, inner)
  }
}

/** As processes see the file. */
const liveContent = ({ durable, pending }: FileNode): Buffer => {
  const content = durable.copy()
  for (const change of pending) content.apply(change)
  return content.bytes()
}

const compare = async (node: TreeNode, path: string, shown: string, found: string[]): Promise<void> => {
  if (node.kind === 'symlink') {
    if ((await readlink(path)) !== node.target) found.push(`${shown} links elsewhere`)
    return
  }
  if (node.kind === 'file') {
    if (!(await readFile(path)).equals(liveContent(node))) found.push(`${shown} holds other bytes`)
    return
  }
  const onDisk = new Set(await readdir(path))
  for (const name of onDisk) if (!node.names.has(name)) found.push(`${shown}/${name} was not seen to be made`)
  for (const [name, inner] of node.names) {
    if (onDisk.has(name)) await compare(inner, join(path, name), `${shown}/${name}`, found)
    else found.push(`${shown}/${name} was not seen to be removed`)
  }
}
