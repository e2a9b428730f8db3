import { s3Campaign } from './s3-campaign'

test('120 faults at random: nothing wrong, nothing half, nothing left', () => s3Campaign(120), 120_000)
