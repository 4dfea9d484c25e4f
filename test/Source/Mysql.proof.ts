import { suite } from "./contract.ts"
import { adapter } from "./Mysql/Adapter.ts"

suite(adapter, "long")
