/**
 * How each server is found, prepared and started: lines of shell, run in a folder of its own.
 */
import { accessSync, constants, readdirSync } from "node:fs"
import { delimiter, join } from "node:path"

export type Kind = "postgres" | "mariadb" | "redis"

export interface Options {
  /** Connections it takes at most; default 100. PostgreSQL keeps 3 more for the administrator, MariaDB 1. */
  readonly maxConnections?: number | undefined
  /** It takes no connection without TLS; its certificate, signed by itself, is `ca`. */
  readonly tls?: boolean | undefined
}

export interface Recipe {
  readonly name: string
  /** The programs it needs. */
  readonly programs: ReadonlyArray<string>
  /** Run once. `$BIN`, `$PORT`, `$USER_NAME`, `$ADMIN_NAME`, `$PASSWORD` are set; the folder is the current one. */
  readonly prepare: (options: Options) => string
  /** The command that serves, in the foreground. */
  readonly serve: (options: Options) => string
  /** What its log says when it can be asked. */
  readonly ready: RegExp
  /** What ends it at once, with all of its children. */
  readonly signal: "QUIT" | "KILL"
  /** `postgres://NAME:PASSWORD@127.0.0.1:PORT/DATABASE` */
  readonly scheme: string
  readonly database: string
}

export const recipes: Readonly<Record<Kind, Recipe>> = {
  postgres: {
    name: "PostgreSQL",
    programs: ["initdb", "postgres"],
    prepare: ({ tls }) => `
      printf %s "$PASSWORD" > password
      "$BIN/initdb" -D data -U "$ADMIN_NAME" -A scram-sha-256 --pwfile=password -E UTF8 --locale=C --no-sync
      printf "CREATE ROLE $USER_NAME LOGIN PASSWORD '$PASSWORD'\\nGRANT ALL ON SCHEMA public TO $USER_NAME\\n" |
        "$BIN/postgres" --single -D data -c fsync=off postgres
      ${tls ? `echo "hostssl all all all scram-sha-256" > data/pg_hba.conf` : ""}`,
    serve: ({ maxConnections = 100, tls }) => `"$BIN/postgres" -D data -p "$PORT" \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=${maxConnections + 3} \
      -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=16MB \
      ${tls ? `-c ssl=on -c ssl_cert_file="$PWD/cert.pem" -c ssl_key_file="$PWD/key.pem"` : ""}`,
    ready: /database system is ready to accept connections/,
    // Its children are in sessions of their own, and would outlive a SIGKILL of it.
    signal: "QUIT",
    scheme: "postgres",
    database: "postgres"
  },
  mariadb: {
    name: "MariaDB",
    programs: ["mariadbd", "mariadb-install-db"],
    // Of the file of first statements, each has a line.
    prepare: () => `
      cat > first.sql <<END
CREATE DATABASE IF NOT EXISTS muster;
CREATE USER IF NOT EXISTS '$USER_NAME'@'%' IDENTIFIED BY '$PASSWORD';
GRANT ALL ON muster.* TO '$USER_NAME'@'%';
CREATE USER IF NOT EXISTS '$ADMIN_NAME'@'%' IDENTIFIED BY '$PASSWORD';
GRANT ALL ON *.* TO '$ADMIN_NAME'@'%';
END
      mariadb-install-db --no-defaults --datadir="$PWD/data" --auth-root-authentication-method=normal --skip-test-db`,
    serve: ({ maxConnections = 100, tls }) => `"$BIN/mariadbd" --no-defaults --datadir="$PWD/data" --port="$PORT" \
      --bind-address=127.0.0.1 --socket="$PWD/socket" --pid-file="$PWD/pid" --skip-name-resolve \
      --init-file="$PWD/first.sql" --max-connections=${maxConnections} \
      --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=16M \
      ${tls ? `--require-secure-transport=ON --ssl-cert="$PWD/cert.pem" --ssl-key="$PWD/key.pem"` : ""}`,
    ready: /ready for connections/,
    signal: "KILL",
    scheme: "mysql",
    database: "muster"
  },
  redis: {
    name: "Redis",
    programs: ["redis-server"],
    prepare: () => "",
    serve: ({ maxConnections = 100, tls }) => `"$BIN/redis-server" --bind 127.0.0.1 --requirepass "$PASSWORD" \
      --maxclients ${maxConnections} --save "" --appendonly no --enable-debug-command yes \
      ${tls ? `--port 0 --tls-port "$PORT" --tls-cert-file cert.pem --tls-key-file key.pem --tls-auth-clients no` : `--port "$PORT"`}`,
    ready: /Ready to accept connections/,
    signal: "KILL",
    scheme: "redis",
    database: "0"
  }
}

const isProgram = (path: string) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Debian keeps PostgreSQL out of the PATH, and `/usr/sbin` is in the PATH of root alone. */
const folders = () => {
  const debian = "/usr/lib/postgresql"
  const versions = (() => {
    try {
      return readdirSync(debian).toSorted((a, b) => Number(b) - Number(a))
    } catch {
      return []
    }
  })()
  const own = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")
  return [...own, "/usr/sbin", "/usr/local/sbin", ...versions.map((version) => join(debian, version, "bin"))]
}

/** The folder that holds the first program of a server; `undefined` when the server is not installed. */
export const find = (kind: Kind): string | undefined => {
  const all = folders()
  const [first, ...others] = recipes[kind].programs.map((program) =>
    all.find((folder) => isProgram(join(folder, program)))
  )
  return others.includes(undefined) ? undefined : first
}
