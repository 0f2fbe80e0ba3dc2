import type { LogRecord } from '../api.ts'
import { useLocale } from '../messages/use-locale.tsx'
import { millisOf } from '../time/nanos.ts'
import { Attributes } from './attributes.tsx'
import { severityTone } from './severity.ts'

/** Log records in a panel: time, severity, body, and the attributes on demand. */
export const LogLines = ({ logs, showsService = false }: { logs: LogRecord[]; showsService?: boolean }) => {
  const { t } = useLocale()
  if (logs.length === 0) return <p className="none">{t('logs.none')}</p>
  return (
    <ol className="log-lines">
      {logs.map((log, index) => (
        <LogLine key={`${log.timeUnixNano}:${index}`} log={log} showsService={showsService} />
      ))}
    </ol>
  )
}

const LogLine = ({ log, showsService }: { log: LogRecord; showsService: boolean }) => {
  const { format } = useLocale()
  const line = (
    <>
      <time className="log-time" title={format.full(millisOf(log.timeUnixNano))}>
        {format.timeMillis(millisOf(log.timeUnixNano))}
      </time>
      <Severity log={log} />
      {showsService && <span className="log-service">{log.serviceName}</span>}
      <span className="log-body">{log.body || log.eventName}</span>
    </>
  )
  return (
    <li>
      {log.attributes.length === 0 ? (
        <div className="log-line">{line}</div>
      ) : (
        <details>
          <summary className="log-line">{line}</summary>
          <Attributes attributes={log.attributes} canFilter={false} />
        </details>
      )}
    </li>
  )
}

export const Severity = ({ log }: { log: LogRecord }) => {
  const tone = severityTone(log.severityNumber)
  return <span className={`severity ${tone ?? ''}`}>{log.severityText || tone?.toUpperCase() || '–'}</span>
}
