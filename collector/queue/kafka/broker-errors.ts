/** What brokers answered, such as `ILLEGAL_GENERATION`, in an error and in what it was made from: kafkajs wraps them. */
export const brokerErrorTypes = (error: unknown): string[] => {
  const types: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) if ('type' in at) types.push(String(at.type))
  return types
}
