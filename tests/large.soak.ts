import { throughLittleMemory } from './large'

test('10 GiB of bytes, and some, save and stream back in under 150 MB of memory', () => throughLittleMemory(10 * 2 ** 30 + 12_345), 900_000)
test('1 GiB of bytes, kept in two stores, the same', () => throughLittleMemory(2 ** 30, { twice: true }), 900_000)
