/** A share between 0 and 1 as a thin bar below a number; it repeats the number for the eye and says nothing else. */
export const Bar = ({ share, tone }: { share: number; tone?: 'error' }) => (
  <span className={share > 0 ? 'bar' : 'bar is-empty'} aria-hidden="true">
    <span
      className={tone === 'error' ? 'bar-fill error' : 'bar-fill'}
      style={{ inlineSize: `${Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) * 100 : 0}%` }}
    />
  </span>
)
