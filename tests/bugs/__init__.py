"""Real bugs of public projects, and how well the recipes find them. docs/recipe-benchmark.md tells the results."""
