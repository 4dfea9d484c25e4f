/**
 * The receipts of a server as they come, and what it is doing. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 * @typedef {import("../Server/Gauges.ts").Gauges} Gauges
 * @typedef {{ readonly receipt: (receipt: Receipt) => void, readonly gauges: (gauges: Gauges) => void }} Listener
 */

/**
 * Reads the events of the server, and begins again when it went away. Ends when the server wants a token, which it reads
 * from the storage of the session: nothing that is fetched by a link could carry one.
 *
 * @param {Listener} listener
 * @param {(state: string, wantsToken: boolean) => void} tell
 */
export const follow = async (listener, tell) => {
  for (;;) {
    try {
      const response = await fetch("receipts", { headers: { accept: "text/event-stream", ...authorization() } })
      if (response.status === 401) return tell("the server wants its admin token", true)
      if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
      tell("live", false)
      await read(response.body, listener)
      throw new Error("the server has ended the stream")
    } catch (error) {
      tell(`not connected (${error instanceof Error ? error.message : error}); trying again`, false)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  }
}

/** @param {ReadableStream<Uint8Array>} body @param {Listener} listener */
const read = async (body, listener) => {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ""
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const events = (text + decoder.decode(value, { stream: true })).split("\n\n")
    text = events.pop() ?? ""
    for (const [index, event] of events.entries()) {
      // A server may send a thousand at once, and they shall not hold up the page.
      if (index % 50 === 49) await new Promise((resolve) => setTimeout(resolve))
      const lines = event.split("\n")
      const data = () =>
        JSON.parse(lines.flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : [])).join("\n"))
      if (lines.includes("event: receipt")) listener.receipt(data())
      if (lines.includes("event: gauges")) listener.gauges(data())
    }
  }
}

const authorization = () => {
  const token = sessionStorage.getItem("token")
  return token === null ? {} : { authorization: `Bearer ${token}` }
}
