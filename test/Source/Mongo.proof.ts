import { suite } from "./contract.ts"
import { real, stub } from "./Mongo/Adapter.ts"

suite(stub, "long")

const url = process.env["MONGODB_URL"]
if (url !== undefined) suite(real(url), "long")
