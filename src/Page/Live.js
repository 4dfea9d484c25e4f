/**
 * The receipts of a server, as they come. Runs in a browser.
 *
 * @since 0.1.0
 * @typedef {import("../Receipt.ts").Receipt} Receipt
 */

/**
 * Reads the events of the server, and begins again when it went away. Ends when the server wants a token, which it reads
 * from the storage of the session: nothing that is fetched by a link could carry one.
 *
 * @param {(receipt: Receipt) => void} keep
 * @param {(state: string, wantsToken: boolean) => void} tell
 */
export const follow = async (keep, tell) => {
  for (;;) {
    try {
      const response = await fetch("receipts", { headers: { accept: "text/event-stream", ...authorization() } })
      if (response.status === 401) return tell("the server wants its admin token", true)
      if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
      tell("live", false)
      await read(response.body, keep)
      throw new Error("the server has ended the stream")
    } catch (error) {
      tell(`not connected (${error instanceof Error ? error.message : error}); trying again`, false)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  }
}

/** @param {ReadableStream<Uint8Array>} body @param {(receipt: Receipt) => void} keep */
const read = async (body, keep) => {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ""
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const events = (text + decoder.decode(value, { stream: true })).split("\n\n")
    text = events.pop() ?? ""
    for (const event of events) {
      const lines = event.split("\n")
      if (!lines.includes("event: receipt")) continue
      const data = lines.flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))
      keep(JSON.parse(data.join("\n")))
    }
  }
}

const authorization = () => {
  const token = sessionStorage.getItem("token")
  return token === null ? {} : { authorization: `Bearer ${token}` }
}
