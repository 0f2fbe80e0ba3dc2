/** One of some thousand browsers, phones and versions. */
export const userAgentAt = (index: number): string => {
  const version = Math.floor(index / systems.length)
  const system = systems[index % systems.length] ?? ''
  return system.replaceAll('*', String(146 - (version % 40)))
}

const systems = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/*.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/*.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/*.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:*.0) Gecko/20100101 Firefox/*.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:*.0) Gecko/20100101 Firefox/*.0',
  'ShopApp/7.*.2 (Android 16; Pixel 9)',
  'ShopApp/7.*.0 (iPhone18,1; iOS 26.1)',
]
