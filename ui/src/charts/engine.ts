/** ECharts with only the parts that our charts use. Loaded on demand: it is by far the largest thing we ship. */
import { CustomChart, ScatterChart } from 'echarts/charts'
import { AriaComponent, GridComponent, MarkAreaComponent, TooltipComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

use([
  AriaComponent,
  CanvasRenderer,
  CustomChart,
  GridComponent,
  MarkAreaComponent,
  ScatterChart,
  TooltipComponent,
])

export { init }
