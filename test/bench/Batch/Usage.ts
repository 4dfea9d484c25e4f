/** Loaded into a process, it says at its end what it took: into the file `USAGE`. */
import { writeFileSync } from "node:fs"

process.on("exit", () => {
  const { maxRSS, systemCPUTime, userCPUTime } = process.resourceUsage()
  const usage = { cpu: (userCPUTime + systemCPUTime) / 1_000, rss: maxRSS * 1_024 }
  writeFileSync(process.env["USAGE"] ?? "", JSON.stringify(usage))
})
