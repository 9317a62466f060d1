"""More rows to learn from: transitive closure, debiasing, mining, distillation, contrast."""
