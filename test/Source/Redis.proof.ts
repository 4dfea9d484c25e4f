import { suite } from "./contract.ts"
import { adapter } from "./Redis/Adapter.ts"

suite(adapter, "long")
