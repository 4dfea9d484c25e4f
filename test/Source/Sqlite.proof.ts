import { suite } from "./contract.ts"
import { adapter } from "./Sqlite/Adapter.ts"

suite(adapter, "long")
