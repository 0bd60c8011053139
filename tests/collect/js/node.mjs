// Every kind of call of Segment's Node SDK: node node.mjs KEY URL
import { Analytics } from '@segment/analytics-node'

const [writeKey, host] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host, flushAt: 15, flushInterval: 200 })
const failures = []
analytics.on('error', (error) => failures.push(String(error.reason ?? error.code)))
analytics.identify({ userId: 'u1', traits: { email: 'ada@example.com' } })
analytics.track({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 } })
analytics.page({ userId: 'u1', name: 'Home', properties: { url: 'https://shop.example/' } })
analytics.screen({ anonymousId: 'a1', name: 'Start' })
analytics.group({ userId: 'u1', groupId: 'g1', traits: { plan: 'pro' } })
analytics.alias({ userId: 'u1', previousId: 'a1' })
for (let number = 0; number < 100; number++) {
  analytics.track({ userId: 'u1', event: 'Bulk', properties: { number } })
}
await analytics.closeAndFlush({ timeout: 20000 })
console.log(JSON.stringify({ failures }))
