/**
 * `muster view`: recorded aggregations as a page.
 *
 * @since 0.1.0
 */
import { Command, HelpDoc } from "@effect/cli"
import { Effect, Option, Stream } from "effect"
import * as Page from "../Page.ts"
import type { Receipt } from "../Receipt.ts"
import { badInput, type Failed } from "./Failed.ts"
import * as Recorded from "./Recorded.ts"
import * as Reported from "./Reported.ts"
import { Screen } from "./Screen.ts"

/** More would be no page that a browser shows at once. */
const most = 1_000

/**
 * The flags of the command.
 *
 * @since 0.1.0
 * @category flags
 */
export const flags = {
  out: Reported.out("writes the page to this file; default: prints it"),
  skipBad: Recorded.skipBad
}

type Given = Command.Command.ParseConfig<typeof flags & typeof Recorded.args>

/**
 * `muster view FILE --out report.html`. Makes one page of the last 1,000 receipts, with all that it needs in it.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("view", { ...flags, ...Recorded.args }, (given) => run(given)).pipe(
  Command.withDescription(
    HelpDoc.blocks(
      [
        "Shows recorded receipts as a page: who was slow, and who failed first.",
        "",
        `The page has the last ${most} receipts and all that it needs in it: it can be sent, kept and`,
        "opened without a network. Anybody who has it can read the receipts."
      ].map((line) => HelpDoc.p(line))
    )
  )
)

const run = ({ file, out, skipBad }: Given): Effect.Effect<void, Failed, Screen> =>
  Effect.gen(function* () {
    const last: Array<Receipt> = []
    let [read, skipped] = [0, 0]
    yield* Stream.runForEach(Recorded.lines(file), (line) => {
      if ("unreadable" in line) {
        skipped += 1
        return skipBad ? Effect.void : Recorded.unreadable(file, line.unreadable)
      }
      read += 1
      last.push(line.receipt)
      if (last.length === 2 * most) last.splice(0, most)
      return Effect.void
    })
    if (read === 0) return yield* badInput(`${Recorded.nameOf(file)} has no receipt in it`)
    const shown = last.slice(-most)
    const page = Page.report(shown, `muster: ${file === "-" ? "stdin" : file}`)
    const screen = yield* Screen
    if (Option.isNone(out)) return screen.out(page)
    yield* Reported.write(out.value, page)
    const rest = read > most ? `the last ${most} of ${read}` : `${read}`
    const bad = skipped === 0 ? "" : `; ${skipped} line${skipped === 1 ? " is no receipt" : "s are no receipts"}`
    screen.out(`${out.value} shows ${rest} receipt${read === 1 ? "" : "s"} of ${Recorded.nameOf(file)}${bad}`)
  })
