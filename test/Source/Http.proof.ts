import { suite } from "./contract.ts"
import { adapter } from "./Http/Adapter.ts"

suite(adapter, "long")
