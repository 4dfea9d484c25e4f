/**
 * What commands need and `main` picks: they never import a driver themselves, so that none is loaded before it is used.
 *
 * @since 0.1.0
 */
import { Context, type Layer } from "effect"
import type * as Demo from "../Demo.ts"
import type * as Source from "../Source.ts"

/**
 * What `main` picks.
 *
 * @since 0.1.0
 * @category services
 */
export class Drivers extends Context.Tag("effect-muster/Cli/Drivers")<
  Drivers,
  {
    /** Asks the two services of the demo, or others at these URLs. */
    readonly users: (urls: Demo.Urls) => Layer.Layer<Demo.UserServices>
    /** Asks the services of a file; a program without them serves no file. */
    readonly services?: Layer.Layer<Source.Drivers> | undefined
  }
>() {}
