export interface Product {
  sku: string
  name: string
  priceCents: number
  category: 'kitchen' | 'garden' | 'desk'
}

/** What the shop sells; `sku` is the key in every service. */
export const products: readonly Product[] = [
  { sku: 'KET-100', name: 'Gooseneck kettle', priceCents: 6900, category: 'kitchen' },
  { sku: 'PAN-210', name: 'Carbon steel pan', priceCents: 5400, category: 'kitchen' },
  { sku: 'KNF-330', name: 'Paring knife', priceCents: 2300, category: 'kitchen' },
  { sku: 'MUG-041', name: 'Stoneware mug', priceCents: 1800, category: 'kitchen' },
  { sku: 'SPD-120', name: 'Garden spade', priceCents: 4100, category: 'garden' },
  { sku: 'SEC-205', name: 'Secateurs', priceCents: 3600, category: 'garden' },
  { sku: 'CAN-018', name: 'Watering can', priceCents: 2700, category: 'garden' },
  { sku: 'LMP-500', name: 'Desk lamp', priceCents: 7900, category: 'desk' },
  { sku: 'NTB-077', name: 'Dotted notebook', priceCents: 1400, category: 'desk' },
  { sku: 'PEN-012', name: 'Fountain pen', priceCents: 3200, category: 'desk' },
]

export const productOf = (sku: string): Product | undefined => products.find((product) => product.sku === sku)
