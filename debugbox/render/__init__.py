"""Renderings of a finding. Each module knows `finding` and `foreign` only."""
