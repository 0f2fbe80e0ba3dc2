/**
 * When inventory lets go of a reservation's rows and of its view of the warehouse: once it is written, or once the
 * shipment is confirmed, which nobody ever does. The demo's incident is this one setting.
 */
export const releaseKey = 'RESERVATION_RELEASE'
export const releases = { onCommit: 'on-commit', onShipment: 'on-shipment' } as const
