import { s3Campaign } from './s3-campaign'

test('60 faults at random: nothing wrong, nothing half, nothing left', () => s3Campaign(60), 120_000)
