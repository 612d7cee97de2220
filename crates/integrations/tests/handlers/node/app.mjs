// Handlers as ES modules.

class OutOfStock extends Error {
  constructor(message) {
    super(message);
    this.name = 'OutOfStock';
  }
}

export const reserve = async (event, context) => {
  console.log('reserving', event.sku, 'for', context.functionName);
  if (event.quantity > 10) throw new OutOfStock(`only 10 of ${event.sku} left`);
  return { sku: event.sku, reserved: event.quantity };
};

export const about = async (event, context) => ({
  pid: process.pid,
  arn: context.invokedFunctionArn,
  request: context.awsRequestId,
  remaining: context.getRemainingTimeInMillis() > 0,
  stage: process.env.STAGE,
});

export const thrown_text = async () => {
  throw 'just text';
};

export const rejects_later = () =>
  new Promise(() => {
    Promise.reject(new Error('nobody listens'));
  });

export const nested = { deep: { handler: async (event) => event } };

export const hang = () => new Promise(() => setInterval(() => {}, 1000));
