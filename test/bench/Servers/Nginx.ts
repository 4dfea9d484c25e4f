/**
 * nginx with the Lua module: asks by subrequests over kept connections, and makes one answer of what they give. Subrequests
 * cannot be cancelled: it waits for all of them, or for its read timeout, where the others answer with the first failure.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Running, type Serve, startAt } from "./Process.ts"

const find = () => {
  try {
    // It says so on stderr.
    const said = execFileSync("sh", ["-c", "nginx -V 2>&1"], { encoding: "utf8" })
    const folder = /--modules-path=(\S+)/.exec(said)?.[1] ?? ""
    const modules = ["ndk_http_module.so", "ngx_http_lua_module.so"].map((file) => join(folder, file))
    return modules.every(existsSync) ? { version: /nginx\/([\d.]+)/.exec(said)![1]!, modules } : undefined
  } catch {
    return undefined
  }
}

const found = find()

/** What there is to say of it beside the figures. */
export const note =
  found === undefined
    ? "nginx with its Lua module is not installed: left out"
    : `nginx: ${found.version}, one worker; it cannot cancel, and does not look whether the bytes are JSON`

/** With an error where the JSON is none, which is a 502 as any other failure. */
const parsing = {
  init: `cjson = require "cjson.safe"`,
  merge: `
        local answer = {}
        for index, reply in ipairs(replies) do
          answer["s" .. index - 1] = cjson.decode(reply.body)
          if answer["s" .. index - 1] == nil then return ngx.exit(502) end
        end
        local body = cjson.encode(answer)`
}

const passing = {
  init: "",
  merge: `
        local parts = {}
        for index, reply in ipairs(replies) do
          parts[index] = '"s' .. index - 1 .. '":' .. reply.body
        end
        local body = "{" .. table.concat(parts, ",") .. "}"`
}

const config = (folder: string, port: number, origins: ReadonlyArray<string>, { init, merge }: typeof parsing) => `
${found!.modules.map((file) => `load_module ${file};`).join("\n")}
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  init_by_lua_block { ${init} }
${origins
  .map(
    (origin, index) => `  upstream u${index} {
    server ${new URL(origin).host};
    keepalive 128;
    keepalive_requests 1000000000;
  }`
  )
  .join("\n")}
  server {
    listen 127.0.0.1:${port};
${origins
  .map(
    (_, index) => `    location /u${index}/ {
      internal;
      proxy_pass http://u${index}/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_headers off;
      proxy_connect_timeout 2s;
      proxy_read_timeout 2s;
    }`
  )
  .join("\n")}
    location /dashboard/ {
      content_by_lua_block {
        local id = ngx.escape_uri(string.sub(ngx.var.uri, 12))
        local replies = { ngx.location.capture_multi({
          ${origins.map((_, index) => `{ "/u${index}/" .. id }`).join(", ")}
        }) }
        for _, reply in ipairs(replies) do
          if reply.status ~= 200 or reply.truncated then return ngx.exit(502) end
        end${merge}
        ngx.header.content_type = "application/json"
        ngx.header.content_length = #body
        ngx.print(body)
      }
    }
  }
}
`

const serve = (how: typeof parsing, parent: string, origins: ReadonlyArray<string>): Promise<Running> =>
  startAt("nginx", (port) => {
    const folder = join(parent, `nginx-${port}`)
    mkdirSync(folder)
    const file = join(folder, "nginx.conf")
    writeFileSync(file, config(folder, port, origins, how))
    return ["-p", folder, "-e", "stderr", "-c", file]
  })

/** The rows, by name; none where it is not installed. */
export const servers: Readonly<Record<string, Serve>> =
  found === undefined
    ? {}
    : {
        "nginx + lua": (folder, origins) => serve(parsing, folder, origins),
        "nginx + lua, bytes": (folder, origins) => serve(passing, folder, origins)
      }
