import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Where `npm run dev:ui` finds the API; `npm start` serves both from one address. */
const devApi = 'http://127.0.0.1:8080'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  // light-dark() and CSS nesting are used as they are.
  build: {
    target: ['chrome125', 'edge125', 'firefox128', 'safari18'],
    outDir: 'dist',
    emptyOutDir: true,
    // ECharts alone is more than Vite's default of 500 kB; it is loaded only by screens with a chart.
    chunkSizeWarningLimit: 700,
    // A data: URL would need `font-src data:` and the like in the content security policy.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'echarts', test: /node_modules[\\/](echarts|zrender|tslib)[\\/]/ },
            { name: 'vendor', test: /node_modules[\\/](react|react-dom|scheduler|@tanstack)[\\/]/ },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': devApi, '/jaeger': devApi } },
})
