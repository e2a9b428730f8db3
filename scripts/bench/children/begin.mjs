import { readFileSync, writeFileSync } from 'node:fs'

// Not getrusage's: on Linux a process begins with the peak of the one that started it.
const forgetPeak = () => {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Then the imports count too, or there is no such file.
  }
}

const peak = () => {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(kilobytes) / 1024
  } catch {
    return process.resourceUsage().maxRSS / 1024
  }
}

/** Work begins; what is returned prints what the parent wants to know of it: its time, the peak of memory, and how far that is above where it began. */
export const begin = () => {
  forgetPeak()
  const [start, before] = [performance.now(), process.memoryUsage.rss() / 2 ** 20]
  return () => process.stdout.write(JSON.stringify({ ms: performance.now() - start, MiB: peak(), grown: peak() - before }))
}
