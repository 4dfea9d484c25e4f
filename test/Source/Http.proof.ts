import { suite } from "./contract.ts"
import { adapter, direct } from "./Http/Adapter.ts"

suite(adapter, "long")
suite(direct, "long")
