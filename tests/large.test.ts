import { throughLittleMemory } from './large'

test('1 GiB of bytes saves and streams back in under 150 MB of memory', () => throughLittleMemory(2 ** 30), 180_000)
