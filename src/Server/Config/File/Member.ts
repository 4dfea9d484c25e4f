/**
 * How the members of a mapping in a file are said to be.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * A member that may be left out. Editors show what it is for.
 *
 * @since 0.1.0
 * @category schemas
 */
export const may = <A, I>(schema: Schema.Schema<A, I>, description: string) =>
  Schema.optionalWith(schema, { exact: true }).annotations({ description })

/**
 * A member that must be there.
 *
 * @since 0.1.0
 * @category schemas
 */
export const must = <A, I>(schema: Schema.Schema<A, I>, description: string) =>
  Schema.propertySignature(schema).annotations({ description })

/**
 * Values by names that the file makes up.
 *
 * @since 0.1.0
 * @category schemas
 */
export const named = <A, I>(value: Schema.Schema<A, I>) => Schema.Record({ key: Schema.String, value })
