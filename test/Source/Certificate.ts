/**
 * A certificate for 127.0.0.1 that is signed by itself, for the servers that tests make themselves.
 */
import { execFileSync } from "node:child_process"

export const makeCertificate = (): { readonly key: string; readonly cert: string } => {
  const command =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout - -addext"
  const pem = execFileSync("openssl", [...command.split(" "), "subjectAltName=IP:127.0.0.1"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"]
  })
  const middle = pem.indexOf("-----BEGIN CERTIFICATE")
  return { key: pem.slice(0, middle), cert: pem.slice(middle) }
}
