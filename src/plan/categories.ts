/** What enters a network from rows with categories: pure arithmetic on widths, needed before anything is known of the rows. */
import type { CategorySpec, FeatureSpec, ModelSpec } from './training.ts';

/** Values that enter the network for each of a row's columns. */
export const encodedWidths = ({ categories = [] }: Pick<ModelSpec, 'categories'>, columns: number): number[] =>
  Array.from({ length: columns }, (_, column) => {
    const category = categories.find((each) => each.column === column);
    return category === undefined ? 1 : (category.dimension ?? category.size);
  });

/**
 * The network over columns with these features.
 * @param columns in their order; `names` counts the categories that are known by name ("unknown" comes on top)
 */
export function withCategories(
  { categories: _, ...model }: ModelSpec,
  columns: readonly { readonly feature: FeatureSpec; readonly names: number }[],
): ModelSpec {
  const categories = columns.flatMap(({ feature: { category }, names }, column): CategorySpec[] => {
    if (category === undefined) return [];
    const { dimension } = category;
    return [{ column, size: names + 1, ...(dimension === undefined ? {} : { dimension }) }];
  });
  if (categories.length === 0) return { ...model, inputs: columns.length };
  const inputs = encodedWidths({ categories }, columns.length).reduce((sum, width) => sum + width, 0);
  return { ...model, inputs, categories };
}

/** The largest network that vocabularies may lead to: what is planned with before they are known. */
export const largestNetwork = (model: ModelSpec, features: readonly FeatureSpec[]): ModelSpec =>
  withCategories(
    model,
    features.map((feature) => ({ feature, names: feature.category?.most ?? 0 })),
  );
