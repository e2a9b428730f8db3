import { s3Campaign } from './s3-campaign'

test('1000 faults at random: nothing wrong, nothing half, nothing left', () => s3Campaign(1000), 900_000)
