"""Stage: HookRequest -> ClinicalData. Knows prefetch and paging, never medicine."""
