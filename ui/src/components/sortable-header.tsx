import type { ReactNode } from 'react'
import type { Sort } from '../url/screens.ts'
import { Icon } from './icon.tsx'

export interface SortState<Column extends string> {
  column: Column
  isDescending: boolean
}

export const readSort = <Column extends string>(sort: Sort<Column>): SortState<Column> =>
  sort.startsWith('-')
    ? { column: sort.slice(1) as Column, isDescending: true }
    : { column: sort as Column, isDescending: false }

/** A table header that sorts when pressed: first the way that is more useful for this column, then the other way. */
export const SortableHeader = <Column extends string>({
  column,
  current,
  onSort,
  startsDescending = true,
  className,
  children,
}: {
  column: Column
  current: SortState<Column>
  onSort: (sort: Sort<Column>) => void
  startsDescending?: boolean
  className?: string
  children: ReactNode
}) => {
  const isCurrent = current.column === column
  const descendsNext = isCurrent ? !current.isDescending : startsDescending
  return (
    <th
      scope="col"
      className={className}
      aria-sort={isCurrent ? (current.isDescending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="sort-button"
        onClick={() => onSort(descendsNext ? `-${column}` : column)}
      >
        {children}
        <span className={isCurrent ? 'sort-mark' : 'sort-mark is-idle'}>
          <Icon name={isCurrent ? (current.isDescending ? 'down' : 'up') : 'down'} size={12} />
        </span>
      </button>
    </th>
  )
}
