import * as contract from "./contract.ts"
import { adapter } from "./Postgres/Adapter.ts"

contract.suite(adapter, "short")
