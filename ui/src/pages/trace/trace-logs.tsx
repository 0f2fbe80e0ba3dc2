import { useRef, useState } from 'react'
import type { LogRecord } from '../../api.ts'
import { Attributes } from '../../components/attributes.tsx'
import { Severity } from '../../components/log-lines.tsx'
import { Failure, PartialNotice, TableSkeleton } from '../../components/notices.tsx'
import { severityTone } from '../../components/severity.ts'
import { ServiceName } from '../../components/service-name.tsx'
import { useVirtualRows } from '../../components/use-virtual-rows.ts'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf, nanosBetween } from '../../time/nanos.ts'
import type { TraceModel } from '../../trace/model.ts'
import type { LogsQuery } from './span-details.tsx'

const rowPixels = 26

/** All log records of the trace in the order of time, next to how far into the trace they were written. */
export const TraceLogs = ({
  model,
  logs,
  onSpan,
}: {
  model: TraceModel
  logs: LogsQuery
  onSpan: (spanId: string) => void
}) => {
  const { t } = useLocale()
  if (logs.error)
    return <Failure what={t('logs.failed')} error={logs.error} onRetry={() => void logs.refetch()} />
  if (logs.isPending || !logs.data) return <TableSkeleton rows={10} />
  if (logs.data.logs.length === 0)
    return (
      <div className="notice">
        <h2>{t('logs.noneOfTrace')}</h2>
        <p>{t('logs.noneHint')}</p>
      </div>
    )
  return (
    <>
      {logs.data.isTruncated && (
        <PartialNotice>{t('logs.truncated', { count: logs.data.logs.length })}</PartialNotice>
      )}
      <LogTable model={model} logs={logs.data.logs} onSpan={onSpan} />
    </>
  )
}

const LogTable = ({
  model,
  logs,
  onSpan,
}: {
  model: TraceModel
  logs: LogRecord[]
  onSpan: (spanId: string) => void
}) => {
  const { t, format } = useLocale()
  const scroller = useRef<HTMLDivElement>(null)
  const [shown, setShown] = useState<number>()
  const { first, end, totalPixels } = useVirtualRows({ scroller, count: logs.length, rowPixels })
  const record = shown === undefined ? undefined : logs[shown]
  return (
    <div className="log-view">
      <div
        className="log-scroll"
        ref={scroller}
        role="table"
        aria-label={t('trace.logs')}
        aria-rowcount={logs.length}
      >
        <div style={{ blockSize: totalPixels }} className="log-grid" role="rowgroup">
          {logs.slice(first, end).map((log, offset) => {
            const index = first + offset
            const tone = severityTone(log.severityNumber) ?? 'info'
            return (
              <div
                key={index}
                role="row"
                aria-rowindex={index + 1}
                className={`log-row ${tone} ${index === shown ? 'is-open' : ''}`}
                style={{ top: index * rowPixels, blockSize: rowPixels }}
              >
                <span role="cell" className="log-time" title={format.full(millisOf(log.timeUnixNano))}>
                  {format.offset(nanosBetween(model.startTimeUnixNano, log.timeUnixNano))}
                </span>
                <span role="cell">
                  <Severity log={log} />
                </span>
                <span role="cell" className="log-service">
                  <ServiceName name={log.serviceName} />
                </span>
                <span role="cell" className="log-body-cell">
                  <button
                    type="button"
                    className="log-body"
                    onClick={() => setShown(index === shown ? undefined : index)}
                    aria-expanded={index === shown}
                  >
                    {log.body || log.eventName}
                  </button>
                </span>
                <span role="cell">
                  {model.indexBySpanId.has(log.spanId) && (
                    <button type="button" className="link-button" onClick={() => onSpan(log.spanId)}>
                      {t('logs.toSpan')}
                    </button>
                  )}
                </span>
              </div>
            )
          })}
        </div>
      </div>
      {record && (
        <section className="log-detail" aria-label={t('logs.record')}>
          <pre className="log-full">{record.body || record.eventName}</pre>
          <Attributes attributes={record.attributes} canFilter={false} />
        </section>
      )}
    </div>
  )
}
