import { layer } from "../../../src/Batch/Ledger/Memory.ts"
import { ledgerSuite } from "./contract.ts"

ledgerSuite("memory", layer)
