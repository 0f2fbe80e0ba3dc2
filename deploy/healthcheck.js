// Ends well when the role in this container is ready. For the image's HEALTHCHECK, which has no curl.
const url = `http://127.0.0.1:${process.env.HTTP_PORT || 8080}/readyz`
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4000) })
  process.stdout.write(await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  process.stderr.write(`${url}: ${error.cause?.message ?? error.message}\n`)
  process.exitCode = 1
}
