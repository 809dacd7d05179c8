/** What a silo's schema is called here: `berlin`, and `berlin__sales` for its schema `sales` (docs/design.md §4). */
export const schemaOf = (silo: string, schema: string | undefined): string =>
  schema === undefined ? silo : `${silo}__${schema}`;
