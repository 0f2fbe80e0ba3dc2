import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
  type SearchSchemaInput,
} from '@tanstack/react-router'
import { AppFrame } from './components/app-frame.tsx'
import { NotFoundPage } from './components/not-found-page.tsx'
import { ScreenFailure } from './components/notices.tsx'
import {
  readFrameSearch,
  readPodsSearch,
  readServicesSearch,
  readTraceSearch,
  readTracesSearch,
  type FrameSearch,
} from './url/screens.ts'
import { parseSearch, stringifySearch, type RawSearch } from './url/search-text.ts'

/** The time range and the refresh interval follow the reader from screen to screen. */
const rootRoute = createRootRoute({
  validateSearch: (raw: Partial<FrameSearch> & SearchSchemaInput): FrameSearch =>
    readFrameSearch(raw as unknown as RawSearch),
  search: { middlewares: [retainSearchParams<FrameSearch>(['from', 'to', 'refresh'])] },
  component: AppFrame,
  notFoundComponent: NotFoundPage,
})

const startRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  beforeLoad: () => {
    // TanStack Router's redirect is an object that is thrown on purpose.
    // oxlint-disable-next-line typescript/only-throw-error
    throw redirect({ to: '/services', replace: true })
  },
})

const servicesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/services',
  validateSearch: (raw) => readServicesSearch(raw as RawSearch),
  component: lazyRouteComponent(() => import('./pages/services-page.tsx'), 'ServicesPage'),
})

const tracesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/traces',
  validateSearch: (raw) => readTracesSearch(raw as RawSearch),
  component: lazyRouteComponent(() => import('./pages/traces-page.tsx'), 'TracesPage'),
})

const traceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/traces/$traceId',
  validateSearch: (raw) => readTraceSearch(raw as RawSearch),
  component: lazyRouteComponent(() => import('./pages/trace-page.tsx'), 'TracePage'),
})

/** Jaeger's address of a trace, so that links from other tools need only another host. */
const jaegerTraceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/trace/$traceId',
  validateSearch: (raw) => readTraceSearch(raw as RawSearch),
  beforeLoad: ({ params, search }) => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw redirect({ to: '/traces/$traceId', params, search, replace: true })
  },
})

const podsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/pods',
  validateSearch: (raw) => readPodsSearch(raw as RawSearch),
  component: lazyRouteComponent(() => import('./pages/pods-page.tsx'), 'PodsPage'),
})

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    startRoute,
    servicesRoute,
    tracesRoute,
    traceRoute,
    jaegerTraceRoute,
    podsRoute,
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  defaultErrorComponent: ({ error, reset }) => (
    <ScreenFailure error={error instanceof Error ? error : new Error(String(error))} onRetry={reset} />
  ),
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
